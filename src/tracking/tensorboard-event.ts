/**
 * TensorBoard's Event message, as far as it is used here.
 *
 * @see https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto: event.proto, summary.proto,
 * tensor.proto, types.proto, where the numbers of the fields are from
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** What an event file is made of: its version, a text, numbers, or the word that the run goes on from before a step. */
export type TensorBoardEvent = { readonly wallTime: number; readonly step: number } & (
  | { readonly kind: 'version' }
  | { readonly kind: 'text'; readonly tag: string; readonly markdown: string }
  | { readonly kind: 'scalars'; readonly scalars: ReadonlyMap<string, number> }
  /**
   * Whatever was written before at this step or a later one no longer counts. TensorBoard heeds only a restart that is not
   * the first, so each file has one.
   */
  | { readonly kind: 'restart' }
);

const FILE_VERSION = 'brain.Event:2';
const event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 };
const summary = { value: 1 };
const value = { tag: 1, simpleValue: 2, tensor: 8, metadata: 9 };
const metadata = { pluginData: 1, dataClass: 4 };
const pluginData = { pluginName: 1 };
const tensor = { dtype: 1, shape: 2, stringVal: 8 };
const sessionLog = { status: 1 };
const DATA_CLASS_TENSOR = 2;
const DT_STRING = 7;
const STATUS_START = 1;

/** An event's bytes. */
export function encodeEvent(e: TensorBoardEvent): Uint8Array {
  const to = new BinaryWriter();
  to.tag(event.wallTime, WireType.Bit64).double(e.wallTime);
  if (e.step !== 0) to.tag(event.step, WireType.Varint).int64(e.step);
  if (e.kind === 'version') text(to, event.fileVersion, FILE_VERSION);
  else if (e.kind === 'restart')
    message(to, event.sessionLog, () => to.tag(sessionLog.status, WireType.Varint).int32(STATUS_START));
  else
    message(to, event.summary, () => {
      if (e.kind === 'text') message(to, summary.value, () => textValue(to, e.tag, e.markdown));
      else
        for (const [tag, number] of e.scalars)
          message(to, summary.value, () => {
            text(to, value.tag, tag);
            // What is too large for a float is infinite; the writer would refuse it.
            to.tag(value.simpleValue, WireType.Bit32).float(Math.fround(number));
          });
    });
  return to.finish();
}

/** A value of the text plugin: a scalar tensor of one string. */
function textValue(to: BinaryWriter, tag: string, markdown: string): void {
  text(to, value.tag, tag);
  message(to, value.tensor, () => {
    to.tag(tensor.dtype, WireType.Varint).int32(DT_STRING);
    message(to, tensor.shape, () => {});
    text(to, tensor.stringVal, markdown);
  });
  message(to, value.metadata, () => {
    message(to, metadata.pluginData, () => text(to, pluginData.pluginName, 'text'));
    to.tag(metadata.dataClass, WireType.Varint).int32(DATA_CLASS_TENSOR);
  });
}

const text = (to: BinaryWriter, field: number, content: string): BinaryWriter =>
  to.tag(field, WireType.LengthDelimited).string(content);

function message(to: BinaryWriter, field: number, write: () => void): void {
  to.tag(field, WireType.LengthDelimited).fork();
  write();
  to.join();
}

/** What an earlier life of a run wrote, as far as it matters to the next: the tags and where they lie, and restarts. */
export function readEvent(bytes: Uint8Array): {
  readonly step: number;
  readonly tags: string[];
  readonly restart: boolean;
} {
  let [step, restart] = [0, false];
  const tags: string[] = [];
  eachField(bytes, (field, from) => {
    if (field === event.step) step = Number(from.int64());
    else if (field === event.sessionLog)
      eachField(from.bytes(), (inner, log) => {
        if (inner !== sessionLog.status) return false;
        restart = log.int32() === STATUS_START;
        return true;
      });
    else if (field === event.summary)
      eachField(from.bytes(), (inner, values) => {
        if (inner !== summary.value) return false;
        eachField(values.bytes(), (part, one) => part === value.tag && tags.push(one.string()) > 0);
        return true;
      });
    else return false;
    return true;
  });
  return { step, tags, restart };
}

/** Calls `read` with every field of a message; it returns whether it has read the field. */
function eachField(bytes: Uint8Array, read: (field: number, from: BinaryReader) => boolean): void {
  const from = new BinaryReader(bytes);
  while (from.pos < from.len) {
    const [field, type] = from.tag();
    if (!read(field, from)) from.skip(type, field);
  }
}
