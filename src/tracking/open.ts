import { ConfigError } from '../core/errors.ts';
import type { TrainConfig } from '../train/config.ts';
import { mlflow } from './mlflow.ts';
import type { MlflowServer } from './mlflow-client.ts';
import type { Sink, SinkOptions } from './sink.ts';
import { tensorboard } from './tensorboard.ts';

type Trackers = Pick<TrainConfig, 'track' | 'mlflowUri' | 'mlflowExperiment'>;
type Credentials = Omit<MlflowServer, 'uri'>;

/**
 * The sinks that a configuration asks for.
 *
 * @param credentials for the MLflow server; they are not part of a configuration, which is written to files.
 * @throws ConfigError if the MLflow server is not named, or cannot be asked.
 */
export function openSinks(
  { track = [], mlflowUri, mlflowExperiment }: Trackers,
  options: Credentials & SinkOptions = {},
): Sink[] {
  const { warn, ...credentials } = options;
  const common = warn ? { warn } : {};
  const open = {
    tensorboard: () => tensorboard(common),
    mlflow() {
      if (mlflowUri === undefined)
        throw new ConfigError(
          'track: mlflow needs the address of a server: give mlflowUri, such as http://localhost:5000, or set MLFLOW_TRACKING_URI',
        );
      return mlflow({ uri: mlflowUri, experiment: mlflowExperiment, ...credentials, ...common });
    },
  };
  return [...new Set(track)].map((name) => open[name]());
}
