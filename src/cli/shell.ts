/** An argument as a POSIX shell reads it back. */
const quote = (argument: string): string =>
  /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;

/** A command line to copy. */
export const commandLine = (...words: readonly string[]): string => words.map(quote).join(' ');
