import type { Task } from '../core/task.ts';

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

/** Which labels a text is given: the most probable one, all from the threshold up, or none for regression. */
export const decide: Readonly<Record<Task, (scores: readonly number[], threshold: number) => number[]>> = {
  single_label_classification: (scores) => [scores.indexOf(Math.max(...scores))],
  multi_label_classification: (scores, threshold) => scores.flatMap((p, k) => (p >= threshold ? [k] : [])),
  regression: () => [],
};
