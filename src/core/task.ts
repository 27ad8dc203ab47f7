/** What a classifier predicts: the values of `problem_type` in a Hugging Face config.json. */
export const tasks = ['single_label_classification', 'multi_label_classification', 'regression'] as const;
export type Task = (typeof tasks)[number];
