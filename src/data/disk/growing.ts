/** A list of small numbers, one byte each, that grows. */
export class ByteList {
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  push(value: number): void {
    if (this.#length === this.#bytes.length) {
      const wider = new Uint8Array(this.#bytes.length * 2);
      wider.set(this.#bytes);
      this.#bytes = wider;
    }
    this.#bytes[this.#length++] = value;
  }

  /** The numbers so far; they may be changed in place. */
  get values(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
