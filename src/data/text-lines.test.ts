import { expect, it } from 'vitest';
import { textLines } from './text-lines.ts';

async function* stream(parts: Iterable<string | Uint8Array>) {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part) : part;
}

async function readAll(parts: Iterable<string | Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  for await (const lines of textLines(stream(parts), 'chat.log')) all.push(...lines);
  return all;
}

const read = (...parts: readonly (string | Uint8Array)[]): Promise<string[]> => readAll(parts);

it('cuts a stream into lines wherever its pieces end', async () => {
  const [first, second] = [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1)];
  expect(await read('on', 'e\ntwo\r\n\nca', 'f', first, second, '\nl', 'a', 'st')).toEqual([
    'one',
    'two',
    '',
    'café',
    'last',
  ]);
  expect(await read('one\r', '\n\r', '\n')).toEqual(['one', '']);
  expect(await read()).toEqual([]);
});

it('drops a byte order mark at the start alone', async () =>
  expect(await read('\ufeffone\n\ufefftwo')).toEqual(['one', '\ufefftwo']));

it('writes U+FFFD for what is not UTF-8', async () =>
  expect(await read(Buffer.from([0x61, 0xff, 0x62, 0x0a, 0xe2, 0x82]))).toEqual(['a\ufffdb', '\ufffd']));

it('hands on the lines of a piece before it asks for the next', async () => {
  async function* never() {
    yield Buffer.from('one\ntw');
    throw new Error('asked');
  }
  const lines = textLines(never(), 'chat.log');
  expect(await lines.next()).toEqual({ done: false, value: ['one'] });
  await expect(lines.next()).rejects.toThrow('asked');
});

it('refuses a line of more than 64 MiB before it is read whole', async () => {
  let asked = 0;
  async function* endless() {
    yield Buffer.from('first\n');
    for (const piece = Buffer.alloc(1 << 20, 'x'); ; asked++) yield piece;
  }
  const lines = textLines(endless(), 'chat.log');
  await lines.next();
  await expect(lines.next()).rejects.toThrow(
    'chat.log: line 2 is longer than 64 MiB; put a line end after every text or record',
  );
  expect(asked).toBe(64);
});

it('takes a line as long as that in many pieces', async () => {
  // looking again at what came before, or copying it, at every piece would take hours
  const piece = Buffer.alloc(1 << 10, 'x');
  const [line, next] = await readAll([...Array.from({ length: 1 << 16 }, () => piece), '\nlast']);
  expect(line).toHaveLength(1 << 26);
  expect(next).toBe('last');
});
