import type { Dtype } from '../checkpoint/dtype.ts';
import type { Tensor } from '../core/tensor.ts';

/** A tensor that is stored of a rounded weight, under the weight's name and this ending. */
export interface RoundedPart {
  readonly ending: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The same bytes under another ending and shape, as another product reads them. */
  readonly alias?: { readonly ending: string; readonly shape: readonly number[] };
}

/** A way to store weights in fewer bits. */
export interface Rounding {
  readonly name: string;
  /** Changes whenever the same weight would be rounded or laid out differently. */
  readonly format: number;
  /** What is stored of a weight [out, in], in this order. */
  parts(shape: readonly [out: number, into: number]): readonly RoundedPart[];
  /** The bytes of each part. */
  round(weight: Tensor): readonly Uint8Array[];
}

/** The bytes that a typed array lies in. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
