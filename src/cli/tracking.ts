/** Where a run can be followed, by what its options and the environment say. */
import { z } from 'zod';
import { openSinks } from '../tracking/open.ts';
import type { Sink } from '../tracking/sink.ts';
import { type TrainOptions, trainSchema } from '../train/config.ts';

/** Options with MLflow's own variables in place of what was not given. They become part of the run's configuration. */
export function withTrackingDefaults(options: TrainOptions): TrainOptions {
  if (!options.track?.includes('mlflow')) return options;
  const { MLFLOW_TRACKING_URI: uri, MLFLOW_EXPERIMENT_NAME: experiment } = process.env;
  return {
    ...(uri ? { mlflowUri: uri } : {}),
    ...(experiment ? { mlflowExperiment: experiment } : {}),
    ...options,
  };
}

const { track, mlflowUri, mlflowExperiment } = trainSchema.shape;
const asked = z.object({ track, mlflowUri, mlflowExperiment });

/** The sinks that options ask for. Who asks the MLflow server comes from the environment, and goes nowhere else. */
export function sinksFor(options: TrainOptions, warn: (message: string) => void): Sink[] {
  const {
    MLFLOW_TRACKING_TOKEN: token,
    MLFLOW_TRACKING_USERNAME: username,
    MLFLOW_TRACKING_PASSWORD: password,
  } = process.env;
  return openSinks(asked.parse(options), {
    warn,
    ...(token ? { token } : {}),
    ...(username ? { username } : {}),
    ...(password ? { password } : {}),
  });
}
