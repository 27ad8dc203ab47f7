import { describe, expect, test } from 'vitest';
import { ConfigError } from '../core/errors.ts';
import { openDevice } from './open-device.ts';
import { fastest, type ProviderState, unavailable } from './provider.ts';

const works = (provider: ProviderState['provider'], gigaflops: number): ProviderState => ({
  provider,
  flopsPerSecond: gigaflops * 1e9,
});
const fails = (provider: ProviderState['provider']): ProviderState => ({ provider, problem: `no ${provider} library` });

describe('auto takes', () => {
  test('CUDA where it works, whatever else does', () =>
    expect(fastest([works('cpu', 100), works('webgpu', 5000), works('cuda', 4000)])).toEqual({
      provider: 'cuda',
      reason: 'CUDA works here',
    }));

  test('WebGPU where it is clearly faster than the processor', () =>
    expect(fastest([works('cpu', 100), works('webgpu', 2300), fails('cuda')])).toEqual({
      provider: 'webgpu',
      reason: 'WebGPU does 2300 GFLOP/s in matrix products, the processor 100 GFLOP/s',
    }));

  test('the processor where WebGPU is a driver in software', () =>
    expect(fastest([works('cpu', 100), works('webgpu', 0.35), fails('cuda')])).toEqual({
      provider: 'cpu',
      reason:
        'WebGPU does 0.3 GFLOP/s in matrix products, the processor 100 GFLOP/s; cuda is not available (no cuda library)',
    }));

  test('the processor where WebGPU is hardly faster', () =>
    expect(fastest([works('cpu', 100), works('webgpu', 199), fails('cuda')]).provider).toBe('cpu'));

  test('the processor where there is nothing else, and says what is missing', () =>
    expect(fastest([works('cpu', 100), fails('webgpu'), fails('cuda')])).toEqual({
      provider: 'cpu',
      reason: 'webgpu is not available (no webgpu library); cuda is not available (no cuda library)',
    }));
});

test.each([
  ['webgpu', /^device webgpu is not available here: it is not\. Install the driver.*device cpu$/],
  [
    'cuda',
    /^device cuda is not available here: it is not\. Install the provider with ONNXRUNTIME_NODE_INSTALL=true.*cpu$/,
  ],
] as const)('%s that does not work is an error with the way out', (provider, message) => {
  const error = unavailable(provider, 'it is not');
  expect(error).toBeInstanceOf(ConfigError);
  expect(error.message).toMatch(message);
});

test('auto opens what works, and says why', async () => {
  const device = await openDevice({ device: 'auto', threads: 1 });
  expect(device.choice.reason).toMatch(/CUDA works|GFLOP|not available/);
  await device.close();
});
