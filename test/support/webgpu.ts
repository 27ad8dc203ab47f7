import { probe } from '../../src/runtime/probe.ts';

/** Whether WebGPU finds a GPU or a driver in software; CI installs SwiftShader (scripts/webgpu-driver.mjs). */
export const hasWebgpu = async (): Promise<boolean> => 'flopsPerSecond' in (await probe('webgpu'));
