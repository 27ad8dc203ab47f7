/** How often each example counts: once, or as often as a bootstrap draw has it. Every metric here takes them. */
export type Weights = Float64Array<ArrayBuffer>;

/** Every one of `n` examples once. */
export const once = (n: number): Weights => new Float64Array(n).fill(1);
