import { env, listSupportedBackends } from 'onnxruntime-node';

/** What the engine is, and what it can run on. */
export interface EngineInfo {
  readonly version: string;
  /** Execution providers; those that are not bundled need libraries of their own. */
  readonly providers: readonly { readonly name: string; readonly bundled: boolean }[];
}

/** Asks the engine about itself. */
export const engineInfo = (): EngineInfo => ({
  version: env.versions.node ?? env.versions.common,
  providers: listSupportedBackends().map(({ name, bundled }) => ({ name, bundled })),
});
