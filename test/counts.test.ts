import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Preset, presets } from '../src/checkpoint/presets.ts';
import { precisions } from '../src/nn/linear.ts';
import type { GraphCost } from '../src/onnx/cost.ts';
import { workloadCost } from '../src/train/workload.ts';
import { workload } from './support/workload.ts';

/**
 * What a step and a forward pass ask of any machine, against what they asked for before: 16 texts of 32 tokens, LoRA of rank 16 on
 * every linear layer. A change that means to move them says so with `npx vitest run test/counts.test.ts --update`, and
 * the difference is read like code.
 */
const batch = { N: 512, B: 16, T: 32 };

const counts = ({ nodes, flops, bytes, peakBytes }: GraphCost) => ({ nodes, flops, bytes, peakBytes });

function countsOf(preset: Preset) {
  return Object.fromEntries(
    precisions.map((precision) => {
      const { gradient, forward } = workloadCost(workload(presets[preset], { precision }), batch);
      const checkpointing = workload(presets[preset], { precision, gradientCheckpointing: true });
      const again = workloadCost(checkpointing, batch).gradient;
      return [
        precision,
        { gradient: counts(gradient), gradientCheckpointing: counts(again), forward: counts(forward) },
      ];
    }),
  );
}

test.each(Object.keys(presets) as Preset[])('the work of %s', async (preset) => {
  const file = join(import.meta.dirname, 'counts', `${preset}.json`);
  await expect(`${JSON.stringify(countsOf(preset), null, 2)}\n`).toMatchFileSnapshot(file);
});
