import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { HubOptions } from '../options.ts';
import { type FakeHub, startFakeHub } from './fake-hub.ts';

/** A fake Hub and an empty cache for the running test; waits between tries are noted instead of waited. */
export async function hubForTest(): Promise<{
  readonly hub: FakeHub;
  readonly cacheDir: string;
  readonly waits: number[];
  readonly notices: string[];
  readonly options: HubOptions;
}> {
  const hub = await startFakeHub();
  const cacheDir = mkdtempSync(join(tmpdir(), 'emotune-hub-'));
  onTestFinished(async () => {
    await hub.close();
    rmSync(cacheDir, { recursive: true, force: true });
  });
  const waits: number[] = [];
  const notices: string[] = [];
  const wait = async (ms: number): Promise<void> => void waits.push(ms);
  const options: HubOptions = {
    endpoint: hub.url,
    cacheDir,
    onNotice: (line) => notices.push(line),
    patience: { wait, stallMs: 500 },
  };
  return { hub, cacheDir, waits, notices, options };
}

/** A model's files; the weights are bytes of no meaning. */
export function modelFiles(weights: Readonly<Record<string, number>> = { 'model.safetensors': 300_000 }) {
  const large = Object.entries(weights).map(([name, size], seed) => [name, bytesOf(size, seed + 1)] as const);
  return {
    'README.md': '---\nlicense: llama3\n---\n# A model\n',
    'config.json': '{"model_type": "llama"}\n',
    'tokenizer.json': '{"model": {"vocab": {"é": 1}}}\n',
    'tokenizer_config.json': '{}\n',
    'pytorch_model.bin': 'a pickle',
    'original/consolidated.00.pth': 'another',
    ...Object.fromEntries(large),
  };
}

export const indexOf = (...shards: readonly string[]): string =>
  JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(shards.map((shard, i) => [`layer.${i}`, shard])) });

/** Bytes that differ from piece to piece, the same for the same seed. */
function bytesOf(size: number, seed: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (Math.imul(i + seed, 2654435761) >>> 13) & 0xff;
  return bytes;
}
