import type { Value } from './graph.ts';
import type { DType, TensorType } from './shape.ts';

/** What the float64 interpreter computes with; booleans are 0 and 1, integers exact. */
export interface NdArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What an op may ask of the interpreter besides its inputs. */
export interface InterpreterEnv {
  /** The array given for an input or parameter of that name. */
  feed(name: string): NdArray;
  /** The number a symbolic dimension is bound to. */
  bind(symbol: string): number;
}

/** An attribute of an ONNX node. Whole numbers become INT unless wrapped as `{ float }`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** What an op uses to write itself as ONNX nodes; every method returns the name of the resulting tensor. */
export interface OnnxEmitter {
  node(
    opType: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: string,
  ): string;
  constant(type: DType | 'int64', data: ArrayLike<number>, shape: readonly number[]): string;
  input(name: string, type: TensorType): string;
  parameter(name: string, type: TensorType): string;
  /** A scalar int64 holding what a symbol is bound to in this run. */
  dim(symbol: string): string;
  /** Whether what will compute the nodes has no kernel for an operator, so that others should say the same. */
  lacks(opType: string): boolean;
}

/** A tensor's shape with every symbol bound, and the memory it takes. */
export interface Sized {
  readonly shape: readonly number[];
  readonly bytes: number;
}

/** What computing an op once asks of the engine, by the ONNX nodes the op is written as. */
export interface OpCost {
  /**
   * What bounds it and where the result lies:
   * `leaf` costs nothing at run time, a `view` shares its first input's memory, a `product` multiplies matrices
   * (an `int8 product` those of whole numbers, a `half product` those in half precision), a `pass` reads and writes memory, an `elementwise` pass may write where it read.
   */
  readonly kind: 'leaf' | 'view' | 'product' | 'int8 product' | 'half product' | 'pass' | 'elementwise';
  readonly nodes: number;
  /** Multiplications and additions, each as one; a function such as exp counts as one. */
  readonly flops: number;
  /** Bytes that its nodes read and write. */
  readonly bytes: number;
  /** Bytes it holds besides its inputs and its result while it is computed. */
  readonly scratchBytes: number;
}

/** A rule's gradient of one input, built only when that input is on a path to what is differentiated. */
export type Cotangent = () => Value;

/**
 * One primitive operation: everything emotune knows of it in one record.
 *
 * A record without one of the five rules does not compile; `test/ops.test.ts` fails for an op without a row of checks.
 */
export interface Op<Attrs extends object = object> {
  readonly name: string;
  /** Type of the result. Throws ShapeError where the inputs do not fit together. */
  infer(inputs: readonly TensorType[], attrs: Attrs): TensorType;
  /** Vector-Jacobian product: for each input its cotangent given the result's, `null` where there is none. */
  readonly vjp: ((call: Call<Attrs>, dy: Value) => readonly (Cotangent | null)[]) | 'not differentiable';
  /** Writes the op as ONNX nodes, given its inputs' names. */
  onnx(emit: OnnxEmitter, inputs: readonly string[], call: Call<Attrs>): string;
  /** What that costs, of inputs and a result of the given sizes. */
  cost(inputs: readonly Sized[], result: Sized, attrs: Attrs): OpCost;
  /** Computes the op in float64. */
  interpret(inputs: readonly NdArray[], call: Call<Attrs>, env: InterpreterEnv): NdArray;
}

/** A value together with its op's attributes. */
export type Call<Attrs extends object = object> = Value & { readonly attrs: Attrs };
