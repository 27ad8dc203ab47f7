import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { hubFrom } from './options.ts';
import { hubForTest } from './testing/hub-for-test.ts';
import { exchange } from './transport.ts';

async function* slowly(pieces: number, everyMs: number): AsyncGenerator<Uint8Array, void> {
  for (let i = 0; i < pieces; i++) {
    await sleep(everyMs);
    yield new Uint8Array(1);
  }
}

it('lets an upload take its time as long as something moves, and gives one up that does not move', async () => {
  const { hub, options, notices } = await hubForTest();
  const send = (pieces: number, everyMs: number) =>
    exchange(hubFrom({ ...options, patience: { ...options.patience, attempts: 2 } }), {
      request: () => ({
        url: `${hub.filesUrl}/part1`,
        method: 'PUT',
        headers: { 'content-length': String(pieces) },
        body: slowly(pieces, everyMs),
      }),
      read: async ({ status }) => status,
    });
  // The test's patience is 500 ms.
  expect(await send(8, 150)).toBe(200);
  expect(notices).toEqual([]);
  await expect(send(2, 5000)).rejects.toThrow(/\/part1: nothing came for 0\.5 s, 2 times/);
});
