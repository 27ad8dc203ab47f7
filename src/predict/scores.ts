import type { Task } from '../core/task.ts';

/** How the scores of a text's windows become the text's. */
export const windowPoolings = ['mean', 'max'] as const;
export type WindowPooling = (typeof windowPoolings)[number];

/** From logits to what is reported: probabilities for classification, the values themselves for regression. */
export const scoresOf: Readonly<Record<Task, (logits: readonly number[]) => number[]>> = {
  single_label_classification(logits) {
    const top = Math.max(...logits);
    const exps = logits.map((z) => Math.exp(z - top));
    const sum = exps.reduce((a, b) => a + b, 0);
    return exps.map((e) => e / sum);
  },
  multi_label_classification: (logits) => logits.map((z) => 1 / (1 + Math.exp(-z))),
  regression: (logits) => [...logits],
};

/**
 * The scores of texts that were read in windows, from the logits of all windows one after the other.
 *
 *     mean: s = Σ_w s_w / W        max: s_k = max_w s_wk, of classes that exclude each other divided by their sum
 *
 * A text of one window has that window's scores. Values (regression) are always averaged.
 *
 * @param counts how many windows each text has.
 */
export function pooledScores(
  task: Task,
  logits: readonly (readonly number[])[],
  { counts, pooling }: { readonly counts: readonly number[]; readonly pooling: WindowPooling },
): number[][] {
  let at = 0;
  return counts.map((count) => {
    const windows = logits.slice(at, at + count).map(scoresOf[task]);
    at += count;
    return count === 1 ? windows[0]! : pool(task, windows, pooling);
  });
}

function pool(task: Task, windows: readonly (readonly number[])[], pooling: WindowPooling): number[] {
  const column = (k: number) => windows.map((scores) => scores[k]!);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  if (pooling === 'mean' || task === 'regression') return windows[0]!.map((_, k) => mean(column(k)));
  const most = windows[0]!.map((_, k) => Math.max(...column(k)));
  if (task === 'multi_label_classification') return most;
  const sum = most.reduce((a, b) => a + b, 0);
  return most.map((score) => score / sum);
}

/** Which labels a text is given: the most probable one, all from the threshold up, or none for regression. */
export const decide: Readonly<Record<Task, (scores: readonly number[], threshold: number) => number[]>> = {
  single_label_classification: (scores) => [scores.indexOf(Math.max(...scores))],
  multi_label_classification: (scores, threshold) => scores.flatMap((p, k) => (p >= threshold ? [k] : [])),
  regression: () => [],
};
