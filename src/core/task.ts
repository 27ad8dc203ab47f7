/**
 * What a classifier predicts: the values of `problem_type` in a Hugging Face config.json, and `ordinal_regression`, levels
 * in an order such as no, low, moderate and high, for which transformers has no name.
 */
export const tasks = [
  'single_label_classification',
  'multi_label_classification',
  'regression',
  'ordinal_regression',
] as const;
export type Task = (typeof tasks)[number];

/** Whether a target holds a number per label, rather than labels that hold. */
export const hasValues = (task: Task): boolean => task === 'regression' || task === 'ordinal_regression';
