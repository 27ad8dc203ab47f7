/**
 * Numbers distinct 64-bit hashes 0, 1, 2 … in the order they come: a hash table of typed arrays, 16 bytes a hash, used
 * again for one bucket of a partition after the other.
 *
 * Different items with the same hash count as one. For n items the chance that there are any is about n² / 2⁶⁵.
 */
export class HashIndex {
  #slots = new Uint32Array(1024);
  #high = new Uint32Array(512);
  #low = new Uint32Array(512);
  #size = 0;

  /** How many distinct hashes there are. */
  get size(): number {
    return this.#size;
  }

  /** The number of a hash; the size before the call says whether it is new. */
  place(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;
    for (let entry = this.#slots[slot]!; entry !== 0; entry = this.#slots[slot]!) {
      if (this.#low[entry - 1] === low && this.#high[entry - 1] === high) return entry - 1;
      slot = (slot + 1) & mask;
    }
    if (this.#size === this.#high.length) {
      this.#grow();
      return this.place(high, low);
    }
    this.#high[this.#size] = high;
    this.#low[this.#size] = low;
    this.#slots[slot] = ++this.#size;
    return this.#size - 1;
  }

  clear(): void {
    this.#slots.fill(0);
    this.#size = 0;
  }

  #grow(): void {
    const [high, low] = [this.#high, this.#low];
    this.#high = new Uint32Array(high.length * 2);
    this.#low = new Uint32Array(high.length * 2);
    this.#slots = new Uint32Array(high.length * 4);
    const count = this.#size;
    this.#size = 0;
    for (let i = 0; i < count; i++) this.place(high[i]!, low[i]!);
  }
}
