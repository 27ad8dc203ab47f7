/** Writing a checkpoint in Hugging Face's layout, a few megabytes at a time. */
import { join } from 'node:path';
import { writeJson } from './atomic.ts';
import { byteLengthOf } from './header.ts';
import { type StreamOptions, type TensorSpec, writeSafetensorsStream } from './safetensors.ts';

export interface CheckpointContent<S extends TensorSpec> {
  readonly config: Readonly<Record<string, unknown>>;
  readonly specs: readonly S[];
  readonly produce: StreamOptions<S>['produce'];
  /** A shard ends before it would grow beyond this, as in `save_pretrained`. Default 5·10⁹. */
  readonly maxShardBytes?: number;
}

/** Writes the weights, in one file or in shards with an index, and then config.json: a folder that has it is whole. */
export async function writeCheckpoint<S extends TensorSpec>(dir: string, content: CheckpointContent<S>): Promise<void> {
  const { config, specs, produce, maxShardBytes = 5e9 } = content;
  const shards = cut(specs, maxShardBytes);
  const fileOf = (i: number) => (shards.length === 1 ? 'model.safetensors' : shardName(i + 1, shards.length));
  for (const [i, shard] of shards.entries()) await writeSafetensorsStream(join(dir, fileOf(i)), shard, { produce });
  if (shards.length > 1) {
    const weight_map = Object.fromEntries(shards.flatMap((shard, i) => shard.map(({ name }) => [name, fileOf(i)])));
    const total_size = specs.reduce((sum, spec) => sum + byteLengthOf(spec), 0);
    await writeJson(join(dir, 'model.safetensors.index.json'), { metadata: { total_size }, weight_map });
  }
  await writeJson(join(dir, 'config.json'), config);
}

/** Consecutive groups of at most `maxBytes` (a larger tensor is a group of its own). */
function cut<S extends TensorSpec>(specs: readonly S[], maxBytes: number): S[][] {
  const groups: S[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const spec of specs) {
    bytes += byteLengthOf(spec);
    if (bytes > maxBytes) {
      groups.push([]);
      bytes = byteLengthOf(spec);
    }
    groups.at(-1)!.push(spec);
  }
  return groups;
}

const shardName = (i: number, of: number): string =>
  `model-${String(i).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.safetensors`;
