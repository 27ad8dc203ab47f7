import { ConfigError } from '../core/errors.ts';

/** What computes: the engine's execution providers that emotune uses, the processor's first. */
export const providers = ['cpu', 'webgpu', 'cuda'] as const;
export type Provider = (typeof providers)[number];

/**
 * Operators without a kernel, of those that others can stand for (`emitOnnx`). The engine gives a node without one to the
 * processor, which waits for the GPU, takes the inputs over, and gives the result back.
 */
export const lackingOperators: Readonly<Record<Provider, ReadonlySet<string>>> = {
  cpu: new Set(),
  webgpu: new Set(['FusedMatMul']),
  cuda: new Set(),
};

/** What a user may ask for; `auto` is the fastest that works here. */
export const deviceNames = [...providers, 'auto'] as const;
export type DeviceName = (typeof deviceNames)[number];

/** Whether a provider works on this machine: how fast it computes matrix products, or what the engine says. */
export type ProviderState =
  | { readonly provider: Provider; readonly flopsPerSecond: number }
  | { readonly provider: Provider; readonly problem: string };

/** What computes, and why, where `auto` chose it. */
export interface Choice {
  readonly provider: Provider;
  readonly reason?: string | undefined;
}

/**
 * What WebGPU must be faster by than the processor. Below that, what it lacks and the copies there and back eat the lead;
 * and a driver in software, which the engine does not tell from a GPU, is slower than the processor it runs on.
 */
const LEAD = 2;

/**
 * The fastest provider that works, and why: CUDA where it loads, else WebGPU where it is clearly faster than the
 * processor, else the processor.
 */
export function fastest(states: readonly ProviderState[]): Choice {
  const stateOf = (provider: Provider) => states.find((state) => state.provider === provider);
  const [cpu, webgpu, cuda] = providers.map(stateOf);
  if (isUsable(cuda)) return { provider: 'cuda', reason: 'CUDA works here' };
  const lacking = (cuda ? [cuda] : []).map(describe);
  if (isUsable(webgpu) && isUsable(cpu)) {
    const rates = `WebGPU does ${rate(webgpu)} in matrix products, the processor ${rate(cpu)}`;
    if (webgpu.flopsPerSecond >= LEAD * cpu.flopsPerSecond) return { provider: 'webgpu', reason: rates };
    return { provider: 'cpu', reason: [rates, ...lacking].join('; ') };
  }
  return { provider: 'cpu', reason: [...(webgpu ? [describe(webgpu)] : []), ...lacking].join('; ') };
}

type Usable = Extract<ProviderState, { readonly flopsPerSecond: number }>;
const isUsable = (state: ProviderState | undefined): state is Usable =>
  state !== undefined && 'flopsPerSecond' in state;

/** `webgpu: 2310 GFLOP/s` or `cuda is not available (…)`. */
export const describe = (state: ProviderState): string =>
  isUsable(state) ? `${state.provider}: ${rate(state)}` : `${state.provider} is not available (${state.problem})`;

const rate = ({ flopsPerSecond: flops }: Usable): string => `${(flops / 1e9).toFixed(flops < 10e9 ? 1 : 0)} GFLOP/s`;

const wayOut: Readonly<Record<Provider, string>> = {
  cpu: 'Install the packages again with npm ci',
  webgpu:
    "Install the driver of the GPU (on Linux Vulkan's: the package libvulkan1 and the maker's driver), or compute with device cpu",
  cuda: 'Install the provider with ONNXRUNTIME_NODE_INSTALL=true node node_modules/onnxruntime-node/script/install.js (Linux x64, with CUDA and cuDNN), or compute with device webgpu or cpu',
};

/** The error for a device that was asked for and does not work. */
export const unavailable = (provider: Provider, problem: string): ConfigError =>
  new ConfigError(`device ${provider} is not available here: ${problem}. ${wayOut[provider]}`);
