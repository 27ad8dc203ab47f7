/** What Windows-1252 has from 0x80 to 0x9f, where Latin-1 and Unicode have control characters; five codes are not used. */
const special = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/**
 * The characters that were meant by C1 control characters (U+0080 to U+009F), as they come of Windows-1252 read as Latin-1:
 * U+0092 becomes ’.
 *
 * @see https://encoding.spec.whatwg.org/#windows-1252
 */
export const withoutC1 = (text: string): string =>
  text.replace(/[\u0080-\u009f]/g, (character) => special[character.charCodeAt(0) - 0x80]!);
