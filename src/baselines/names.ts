/** What a baseline can be called: apart from what they are made of, which flags and configurations need not load. */
export const baselineNames = [
  'majority',
  'bow-svm',
  'bow-lr',
  'bow-rf',
  'tfidf-svm',
  'tfidf-lr',
  'tfidf-rf',
  'tfidf-ridge',
] as const;
export type BaselineName = (typeof baselineNames)[number];
