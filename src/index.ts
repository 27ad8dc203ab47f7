/** The public API of emotune. Everything else may change without notice. */

export { CheckpointError, ConfigError, DataError, EmotuneError, RuntimeFailure, TrainingError } from './core/errors.ts';
export type { Task } from './core/task.ts';
export {
  type DataOptions,
  type DataReport,
  type Dataset,
  type Example,
  formatReport,
  loadDataset,
  type Source,
  sources,
  writeSplit,
} from './data/index.ts';
export { evaluate, type EvaluateOptions, type Evaluation, primaryMetric } from './metrics/evaluate.ts';
export { formatEvaluation } from './metrics/format.ts';
export { type Classifier, type ClassifierOptions, loadClassifier, type Prediction } from './predict/classifier.ts';
export { type MergeOptions, mergeAdapter } from './predict/merge.ts';
export { type TrainConfig, type TrainOptions, trainSchema } from './train/config.ts';
export type { TrainEvent, TrainPlan, TrainResult } from './train/events.ts';
export { train } from './train/train.ts';
