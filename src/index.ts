/** The public API of emotune. Everything else may change without notice. */

export type { Decision } from './core/decision.ts';
export {
  CheckpointError,
  ConfigError,
  DataError,
  EmotuneError,
  HubError,
  RuntimeFailure,
  TrainingError,
} from './core/errors.ts';
export type { Task } from './core/task.ts';
export { type Dataset, type Example, type Examples, examplesOf } from './data/example.ts';
export { type FetchedFile, type FetchOptions, fetchSource } from './data/fetch.ts';
export { writeSplit } from './data/folder.ts';
export { type Inspection, inspectDataset } from './data/inspect/inspect.ts';
export { loadDataset } from './data/load.ts';
export type { DataOptions } from './data/origin.ts';
export { type DataReport, formatReport } from './data/report.ts';
export { sources } from './data/sources/registry.ts';
export type { Source } from './data/sources/source.ts';
export { type HubOptions, hubFromEnvironment, type Patience } from './hub/options.ts';
export type { Uploaded } from './hub/upload.ts';
export { type CompareOptions, type Comparison, compare } from './metrics/compare.ts';
export { type EvaluateOptions, type Evaluation, evaluate, primaryMetric } from './metrics/evaluate.ts';
export { formatComparison, formatEvaluation } from './metrics/format.ts';
export { type LabelError, labelErrors, multiLabelErrors } from './metrics/label-errors.ts';
export { type Mistake, mistakes } from './metrics/mistakes.ts';
export { type Slice, type SliceBy, slices } from './metrics/slices.ts';
export { type Classifier, type ClassifierOptions, loadClassifier, type Prediction } from './predict/classifier.ts';
export { type MergeOptions, mergeAdapter } from './predict/merge.ts';
export { type PushOptions, push } from './publish/push.ts';
export { type MlflowOptions, mlflow } from './tracking/mlflow.ts';
export type { MlflowServer } from './tracking/mlflow-client.ts';
export { openSinks } from './tracking/open.ts';
export type { Ending, Sink, SinkOptions } from './tracking/sink.ts';
export { tensorboard } from './tracking/tensorboard.ts';
export { track } from './tracking/track.ts';
export { type TrainConfig, type TrainOptions, trainSchema } from './train/config.ts';
export { type CrossValidationOptions, crossValidatedScores } from './train/cross-validation.ts';
export type { TrainEvent, TrainPlan, TrainResult } from './train/events.ts';
export { type PlannedRun, planTraining } from './train/plan.ts';
export { resume, type TrainControl, train } from './train/train.ts';
