export const scheduleNames = ['linear', 'cosine', 'constant'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/**
 * The learning rate as a share of its peak, for optimiser step t = 0, 1, … of `total`. As transformers':
 * the value at t belongs to the step that uses it, so with warm-up the first step's is 0.
 *
 *     warm-up: t / w for t < w, then with p = (t − w) / (total − w):
 *     linear: 1 − p        cosine: (1 + cos πp) / 2        constant: 1
 */
export function schedule(
  name: ScheduleName,
  options: { readonly total: number; readonly warmup: number },
): (t: number) => number {
  const { total, warmup } = options;
  return (t) => {
    if (t < warmup) return t / Math.max(1, warmup);
    const progress = Math.min(1, (t - warmup) / Math.max(1, total - warmup));
    return shapes[name](progress);
  };
}

const shapes: Readonly<Record<ScheduleName, (progress: number) => number>> = {
  linear: (p) => 1 - p,
  cosine: (p) => 0.5 * (1 + Math.cos(Math.PI * p)),
  constant: () => 1,
};
