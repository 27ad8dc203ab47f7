import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type MemoryStep, planMemory } from './memory-plan.ts';

const step = (id: number, reads: readonly number[], rest: Partial<MemoryStep> = {}): MemoryStep => ({
  id,
  reads,
  bytes: 8,
  sizeClass: 'float32[2]',
  kind: 'pass',
  scratchBytes: 0,
  ...rest,
});
const other = { bytes: 100, sizeClass: 'float32[25]' };

describe('planMemory', () => {
  test.each<[string, MemoryStep[], number[], number]>([
    ['holds a value and what reads it', [step(0, []), step(1, [0])], [1], 16],
    ['takes a freed buffer of the same class', [step(0, []), step(1, [0]), step(2, [1]), step(3, [2])], [3], 16],
    ['keeps what is read later', [step(0, []), step(1, [0]), step(2, [1]), step(3, [0, 2])], [3], 24],
    ['gives no memory to a view', [step(0, []), step(1, [0], { kind: 'view' }), step(2, [1])], [2], 16],
    ['gives no memory to a view of what is given', [step(1, [7], { kind: 'view' }), step(2, [1])], [2], 8],
    ['computes in place where nobody else reads', [step(0, []), step(1, [0], { kind: 'elementwise' })], [1], 8],
    ['not where somebody else reads', [step(0, []), step(1, [0], { kind: 'elementwise' }), step(2, [0, 1])], [2], 24],
    ['not what is wanted in the end', [step(0, []), step(1, [0], { kind: 'elementwise' })], [0, 1], 16],
    ['reads twice in place', [step(0, []), step(1, [0, 0], { kind: 'elementwise' })], [1], 8],
    ['counts scratch where it is used', [step(0, [], { scratchBytes: 50 }), step(1, [0])], [1], 58],
    ['frees what is not taken again', [step(0, []), step(1, [0], other), step(2, [1], other)], [2], 200],
    [
      // 0 is dead while the large values live, but its buffer waits for 3.
      'holds a buffer between its values',
      [step(0, []), step(1, [0], other), step(2, [1], other), step(3, [2])],
      [3],
      208,
    ],
  ])('%s', (_, steps, kept, bytes) => expect(planMemory(steps, kept).peakBytes).toBe(bytes));
});

/** Random runs: each step reads some of those before it, among them perhaps what is given (negative ids). */
const runs = fc
  .array(
    fc.record({
      reads: fc.array(fc.nat(), { maxLength: 3 }),
      size: fc.constantFrom(1, 2, 3),
      kind: fc.constantFrom<MemoryStep['kind']>('pass', 'product', 'elementwise', 'view'),
      scratchBytes: fc.constantFrom(0, 0, 5),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((drawn) => {
    const steps: MemoryStep[] = [];
    for (const [id, { reads, size, kind, scratchBytes }] of drawn.entries()) {
      const inputs = reads.map((r) => (r % (id + 2)) - 2);
      const isView = kind === 'view' && inputs.length > 0;
      const source = isView ? steps[inputs[0]!] : undefined;
      const width = source ? source.bytes / 16 : size;
      steps.push({
        id,
        reads: isView ? inputs.slice(0, 1) : inputs,
        bytes: 16 * width,
        sizeClass: `float32[${4 * width}]`,
        kind: isView ? 'view' : kind === 'view' ? 'pass' : kind,
        scratchBytes: isView ? 0 : scratchBytes,
      });
    }
    return steps;
  });

const readers = (steps: readonly MemoryStep[], id: number) => steps.filter(({ reads }) => reads.includes(id));

/** By the definition: who needs a value's memory at a step, followed through views. */
function aliveAt(steps: readonly MemoryStep[], kept: readonly number[], id: number, at: number): boolean {
  if (id > at) return false;
  if (kept.includes(id)) return true;
  return readers(steps, id).some(
    (reader) => reader.id >= at || (reader.kind === 'view' && aliveAt(steps, kept, reader.id, at)),
  );
}

/** The value whose memory a view shows; undefined for a view of what is given. */
function owner(steps: readonly MemoryStep[], id: number): number | undefined {
  const value = steps[id];
  if (!value) return undefined;
  return value.kind === 'view' ? owner(steps, value.reads[0]!) : id;
}

describe('for any run', () => {
  const last = (steps: readonly MemoryStep[]) => [steps.length - 1];

  test('values that are alive after a step lie in buffers of their own', () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const kept = last(steps);
        const { buffers } = planMemory(steps, kept);
        for (const { id: at } of steps) {
          const alive = steps
            .filter(({ id }) => id <= at && aliveAt(steps, kept, id, at + 1))
            .flatMap(({ id }) => owner(steps, id) ?? []);
          const owners = [...new Set(alive)];
          expect(new Set(owners.map((id) => buffers.get(id))).size).toBe(owners.length);
        }
      }),
      { seed: 1 },
    );
  });

  test('the peak lies between what is alive at once and everything', () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const kept = last(steps);
        const { peakBytes } = planMemory(steps, kept);
        const bytes = (ids: Iterable<number>) => [...new Set(ids)].reduce((n, id) => n + steps[id]!.bytes, 0);
        const alive = steps.map(({ id: at }) =>
          bytes(
            steps
              .filter(({ id }) => id <= at && aliveAt(steps, kept, id, at + 1))
              .flatMap(({ id }) => owner(steps, id) ?? []),
          ),
        );
        const all = bytes(steps.flatMap(({ id }) => owner(steps, id) ?? []));
        expect(peakBytes).toBeGreaterThanOrEqual(Math.max(...alive));
        expect(peakBytes).toBeLessThanOrEqual(all + Math.max(...steps.map((s) => s.scratchBytes)));
      }),
      { seed: 2 },
    );
  });

  test('the peak is the sum of the buffers held, each from its first value to its last reader', () => {
    fc.assert(
      fc.property(runs, (steps) => {
        const kept = last(steps);
        const { buffers, peakBytes } = planMemory(steps, kept);
        const held = steps.map(({ id: at, scratchBytes }) => {
          const numbers = new Set(
            [...buffers].flatMap(([id, number]) => {
              const inside = [...buffers].filter(([, n]) => n === number).map(([other]) => other);
              const ends = inside.map((v) =>
                kept.includes(v) ? steps.length : Math.max(v, ...readers(steps, v).map((r) => r.id)),
              );
              return id <= at && Math.max(...ends) >= at && Math.min(...inside) <= at ? [number] : [];
            }),
          );
          const size = (number: number) => steps[[...buffers].find(([, n]) => n === number)![0]]!.bytes;
          return [...numbers].reduce((n, number) => n + size(number), scratchBytes);
        });
        expect(peakBytes).toBe(Math.max(...held));
      }),
      { seed: 3 },
    );
  });
});
