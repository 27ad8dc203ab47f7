/**
 * Items in batches of at most `size`. A batch is handed on early when nothing more comes for `waitMs`, so that someone
 * who types lines, or a program that writes one and waits, gets an answer.
 */
export async function* batchesAsTheyCome<T>(
  items: AsyncIterable<T>,
  { size, waitMs }: { readonly size: number; readonly waitMs: number },
): AsyncGenerator<T[], void> {
  const iterator = items[Symbol.asyncIterator]();
  let batch: T[] = [];
  try {
    for (let next = iterator.next(); ; ) {
      const result = batch.length === 0 ? await next : await within(next, waitMs);
      if (result && !result.done) {
        batch.push(result.value);
        next = iterator.next();
        if (batch.length < size) continue;
      }
      if (batch.length > 0) yield batch;
      if (result?.done) return;
      batch = [];
    }
  } finally {
    await iterator.return?.();
  }
}

/** What a promise gives, or undefined if that takes longer. */
async function within<T>(promise: Promise<T>, waitMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const pause = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, waitMs, undefined);
  });
  try {
    return await Promise.race([promise, pause]);
  } finally {
    clearTimeout(timer);
  }
}
