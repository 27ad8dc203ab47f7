/** A record that cannot be used, and why. */
export interface Malformed {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

/** Records that cannot be used: how many, and the first of them. */
export interface MalformedRows {
  readonly count: number;
  /** Up to ten, in the order of the files and of their lines. */
  readonly first: readonly Malformed[];
}

const shown = 10;

/** Counts records that cannot be used, in the order they are found, and keeps the first ten. */
export class MalformedCount implements MalformedRows {
  #count = 0;
  readonly #first: Malformed[] = [];

  add(malformed: Malformed): void {
    this.#count++;
    if (this.#first.length < shown) this.#first.push(malformed);
  }

  get count(): number {
    return this.#count;
  }

  get first(): readonly Malformed[] {
    return this.#first;
  }
}

/** Several counts of the same files as one; `files` are in their order. */
export function mergeMalformed(parts: readonly MalformedRows[], files: readonly string[]): MalformedRows {
  const first = parts
    .flatMap((part) => part.first)
    .sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line)
    .slice(0, shown);
  return { count: parts.reduce((n, part) => n + part.count, 0), first };
}
