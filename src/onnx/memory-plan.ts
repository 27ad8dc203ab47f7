/** One computed value, in the order of the run, as far as memory is concerned. */
export interface MemoryStep {
  readonly id: number;
  /** Ids of the values it reads, repeated if read twice. What no step computes (inputs, weights) takes no part. */
  readonly reads: readonly number[];
  readonly bytes: number;
  /** Only values of one class lie in one another's memory: those of the same type and symbolic shape. */
  readonly sizeClass: string;
  /** A `view` is its first input's memory; an `elementwise` result may take that of an input nobody else will read. */
  readonly kind: 'view' | 'elementwise' | 'pass' | 'product' | 'int8 product' | 'half product';
  /** Held besides, while this is computed. */
  readonly scratchBytes: number;
}

export interface MemoryPlan {
  /** The most that is held at once. */
  readonly peakBytes: number;
  /** The buffer each value lies in; views of what is given have none. */
  readonly buffers: ReadonlyMap<number, number>;
}

interface Buffer {
  readonly number: number;
  readonly bytes: number;
  readonly sizeClass: string;
  readonly first: number;
  /** The step after which nobody will read it again. */
  last: number;
  readers: number;
}

/**
 * Plans memory as onnxruntime does for a sequential run: when a value's last reader has run, its buffer goes to a free list,
 * from which a later value of the same class takes it. A buffer is held from its first value to its last, also in between:
 * that is why the plan takes more than the values that are alive at any one time.
 *
 * @param kept ids that are read once more when all is done: the outputs.
 * @see onnxruntime/core/framework/allocation_planner.cc
 */
export function planMemory(steps: readonly MemoryStep[], kept: readonly number[]): MemoryPlan {
  const readers = count([...steps.flatMap(({ reads }) => reads), ...kept]);
  const bufferOf = new Map<number, Buffer>();
  const all: Buffer[] = [];
  const free = new Map<string, Buffer[]>();
  for (const [at, step] of steps.entries()) {
    const lent = lentBuffer(step, bufferOf);
    if (step.kind === 'view' && !lent) continue;
    const reused = lent ?? free.get(step.sizeClass)?.pop();
    const buffer = reused ?? { number: all.length, ...step, first: at, last: at, readers: 0 };
    if (!reused) all.push(buffer);
    buffer.readers += readers.get(step.id) ?? 0;
    buffer.last = at;
    bufferOf.set(step.id, buffer);
    for (const id of step.reads) {
      const read = bufferOf.get(id);
      if (!read) continue;
      read.last = at;
      if (--read.readers > 0) continue;
      const same = free.get(read.sizeClass);
      if (same) same.push(read);
      else free.set(read.sizeClass, [read]);
    }
  }
  for (const id of kept) if (bufferOf.has(id)) bufferOf.get(id)!.last = steps.length - 1;
  return {
    peakBytes: peakOf(steps, all),
    buffers: new Map(Array.from(bufferOf, ([id, { number }]) => [id, number])),
  };
}

function lentBuffer(step: MemoryStep, bufferOf: ReadonlyMap<number, Buffer>): Buffer | undefined {
  if (step.kind === 'view') return bufferOf.get(step.reads[0]!);
  if (step.kind !== 'elementwise') return undefined;
  return step.reads
    .map((id) => bufferOf.get(id))
    .find(
      (b) => b?.sizeClass === step.sizeClass && b.readers === step.reads.filter((id) => bufferOf.get(id) === b).length,
    );
}

function peakOf(steps: readonly MemoryStep[], buffers: readonly Buffer[]): number {
  const change = new Float64Array(steps.length + 1);
  for (const { first, last, bytes } of buffers) {
    change[first]! += bytes;
    change[last + 1]! -= bytes;
  }
  let held = 0;
  let peak = 0;
  for (const [at, { scratchBytes }] of steps.entries()) {
    held += change[at]!;
    peak = Math.max(peak, held + scratchBytes);
  }
  return peak;
}

function count(ids: readonly number[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
