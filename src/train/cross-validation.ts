import { setImmediate } from 'node:timers/promises';
import { fitBaseline } from '../baselines/baseline.ts';
import type { BaselineName } from '../baselines/names.ts';
import { ConfigError } from '../core/errors.ts';
import { random } from '../core/random.ts';
import { type Dataset, type Examples, inParts, readAt } from '../data/example.ts';
import { baselineLogits, baselineScoresOf } from '../predict/baseline-classifier.ts';

export interface CrossValidationOptions {
  /** What learns. */
  readonly model: BaselineName;
  /** Into how many parts the examples are dealt. */
  readonly folds: number;
  readonly seed: number;
  /** Called before each fold, from 0. */
  readonly onFold?: ((fold: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Scores of every example by a model that has not seen it: the examples are dealt into folds, and each fold is scored by
 * what was learnt from the others.
 *
 * Shapes: N examples → [N, K]
 *
 * @throws ConfigError if there are fewer examples than folds, or fewer than two folds; the signal's reason once it is aborted.
 */
export async function crossValidatedScores(
  { task, labels }: Pick<Dataset, 'task' | 'labels'>,
  examples: Examples,
  { model, folds, seed, onFold, signal }: CrossValidationOptions,
): Promise<number[][]> {
  if (folds < 2 || folds > examples.length)
    throw new ConfigError(`folds: ${folds} of ${examples.length} examples; give from 2 to as many as there are`);
  const foldOf = await dealt(examples, { folds, seed });
  const scores = new Array<number[]>(examples.length);
  for (let fold = 0; fold < folds; fold++) {
    signal?.throwIfAborted();
    onFold?.(fold);
    const held = placesWhere(foldOf, (of) => of === fold);
    const rest = placesWhere(foldOf, (of) => of !== fold);
    const baseline = await fitBaseline(model, readAt(examples, rest), {
      task,
      outputs: labels.length,
      seed,
      async onPart() {
        await setImmediate(); // Ctrl-C has its turn
        signal?.throwIfAborted();
      },
    });
    const answer = baselineLogits(baseline, task);
    let at = 0;
    for await (const part of inParts(examples, held))
      for (const logits of answer(part)) scores[held[at++]!] = baselineScoresOf(task, logits, { temperature: 1 });
  }
  return scores;
}

/** The fold of each example: those of equal targets are dealt out evenly, in random order. */
async function dealt(
  examples: Examples,
  { folds, seed }: { readonly folds: number; readonly seed: number },
): Promise<Uint32Array> {
  const groups = new Map<string, number[]>();
  let place = 0;
  for await (const target of examples.targets()) {
    const key = target.join();
    const places = groups.get(key) ?? [];
    groups.set(key, places);
    places.push(place++);
  }
  const rng = random(seed).fork('folds');
  const order = [...groups.values()].flatMap((places) => rng.shuffle(places));
  const foldOf = new Uint32Array(order.length);
  for (const [i, at] of order.entries()) foldOf[at] = i % folds;
  return foldOf;
}

const placesWhere = (foldOf: Uint32Array, is: (fold: number) => boolean): Uint32Array =>
  Uint32Array.from(foldOf.keys()).filter((place) => is(foldOf[place]!));
