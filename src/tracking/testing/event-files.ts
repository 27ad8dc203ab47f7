/** Reads event files as TensorBoard does. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import { readRecords } from '../tfrecord.ts';

export interface Shown {
  /** The step and value of each number, by tag. */
  readonly scalars: Readonly<Record<string, (readonly [step: number, value: number])[]>>;
  readonly texts: Readonly<Record<string, string>>;
  /** The first thing in each file, and where runs went on. */
  readonly versions: string[];
  readonly restarts: number[];
}

/**
 * What TensorBoard shows of a folder: file after file, and at a restart nothing of its step or later stays. The first
 * restart is the start of the run, and takes nothing back (`_CheckForRestartAndMaybePurge`).
 */
export async function shownBy(folder: string): Promise<Shown> {
  const points: { tag: string; step: number; value: number }[] = [];
  const shown = { texts: {} as Record<string, string>, versions: [] as string[], restarts: [] as number[] };
  for (const file of readdirSync(folder).sort())
    for await (const record of readRecords(join(folder, file))) {
      const event = message(record);
      const step = Number(event.get(2)?.[0] ?? 0);
      if (event.has(3)) shown.versions.push(text(event.get(3)![0]!));
      if (event.has(7)) {
        shown.restarts.push(step);
        if (shown.restarts.length > 1) points.splice(0, Infinity, ...points.filter((point) => point.step < step));
      }
      for (const value of message(event.get(5)?.[0] ?? new Uint8Array(0)).get(1) ?? []) {
        const fields = message(value);
        const tag = text(fields.get(1)![0]!);
        if (fields.has(2)) points.push({ tag, step, value: Number(fields.get(2)![0]) });
        if (fields.has(8)) shown.texts[tag] = text(message(fields.get(8)![0]!).get(8)![0]!);
      }
    }
  const scalars: Record<string, [number, number][]> = {};
  for (const { tag, step, value } of points) {
    scalars[tag] ??= [];
    scalars[tag].push([step, value]);
  }
  return { ...shown, scalars };
}

type Field = Uint8Array | number | bigint | string;

const text = (field: Field): string => Buffer.from(field as Uint8Array).toString();

/** A message's fields by number, without knowing what they mean. */
function message(bytes: Field): Map<number, Field[]> {
  const reader = new BinaryReader(bytes as Uint8Array);
  const read: Readonly<Record<WireType, () => Field>> = {
    0: () => reader.int64(),
    1: () => reader.double(),
    2: () => reader.bytes(),
    3: () => reader.skip(3),
    4: () => reader.skip(4),
    5: () => reader.float(),
  };
  const fields = new Map<number, Field[]>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    fields.set(number, [...(fields.get(number) ?? []), read[type]()]);
  }
  return fields;
}
