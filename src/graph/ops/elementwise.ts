import { ShapeError } from '../../core/errors.ts';
import type { Value } from '../graph.ts';
import type { Cotangent, NdArray, Op } from '../op.ts';
import { broadcast, type DType, showType, type TensorType } from '../shape.ts';
import { elementwisePass, view } from './costs.ts';
import { broadcastAt, broadcastShapes, tabulate } from './nd.ts';

type Unary = {
  readonly onnx: string;
  readonly f: (x: number) => number;
  readonly d: (x: Value, y: Value, dy: Value) => Value;
};

function unary(name: string, { onnx, f, d }: Unary): Op {
  return {
    name,
    infer: ([x]) => expectFloat(x!),
    vjp: (call, dy) => [() => d(call.inputs[0]!, call, dy)],
    onnx: (emit, inputs) => emit.node(onnx, inputs),
    cost: elementwisePass,
    interpret: ([x]) => ({ shape: x!.shape, data: x!.data.map(f) }),
  };
}

type Binary = {
  readonly onnx: string;
  readonly f: (a: number, b: number) => number;
  readonly d: (a: Value, b: Value, y: Value, dy: Value) => readonly [Cotangent, Cotangent];
};

/** Cotangents may keep the result's shape: `grad` sums them back to a broadcast input's. */
function binary(name: string, { onnx, f, d }: Binary): Op {
  return {
    name,
    infer: ([a, b]) => ({ dtype: expectFloat(a!).dtype, shape: broadcast(a!.shape, expectFloat(b!).shape) }),
    vjp: (call, dy) => d(call.inputs[0]!, call.inputs[1]!, call, dy),
    onnx: (emit, inputs) => emit.node(onnx, inputs),
    cost: elementwisePass,
    interpret: ([a, b]) => elementwise(f, a!, b!),
  };
}

export function elementwise(f: (...xs: number[]) => number, ...arrays: readonly NdArray[]): NdArray {
  const readers = arrays.map(broadcastAt);
  return tabulate(broadcastShapes(...arrays.map((a) => a.shape)), (index) => f(...readers.map((read) => read(index))));
}

function expectFloat(type: TensorType): TensorType {
  if (type.dtype !== 'float32') throw new ShapeError(`wants float32, got ${showType(type)}`);
  return type;
}

const addOp = binary('add', { onnx: 'Add', f: (a, b) => a + b, d: (_a, _b, _y, dy) => [() => dy, () => dy] });
const subOp = binary('sub', { onnx: 'Sub', f: (a, b) => a - b, d: (_a, _b, _y, dy) => [() => dy, () => neg(dy)] });
const mulOp = binary('mul', {
  onnx: 'Mul',
  f: (a, b) => a * b,
  d: (a, b, _, dy) => [() => mul(dy, b), () => mul(dy, a)],
});
const divOp = binary('div', {
  onnx: 'Div',
  f: (a, b) => a / b,
  d: (_, b, y, dy) => [() => div(dy, b), () => neg(div(mul(dy, y), b))],
});

const negOp = unary('neg', { onnx: 'Neg', f: (x) => -x, d: (_x, _y, dy) => neg(dy) });
const expOp = unary('exp', { onnx: 'Exp', f: Math.exp, d: (_, y, dy) => mul(dy, y) });
const logOp = unary('log', { onnx: 'Log', f: Math.log, d: (x, _, dy) => div(dy, x) });
const sqrtOp = unary('sqrt', { onnx: 'Sqrt', f: Math.sqrt, d: (_, y, dy) => div(scale(dy, 0.5), y) });
const reciprocalOp = unary('reciprocal', {
  onnx: 'Reciprocal',
  f: (x) => 1 / x,
  d: (_, y, dy) => neg(mul(dy, square(y))),
});
const sinOp = unary('sin', { onnx: 'Sin', f: Math.sin, d: (x, _, dy) => mul(dy, cos(x)) });
const cosOp = unary('cos', { onnx: 'Cos', f: Math.cos, d: (x, _, dy) => neg(mul(dy, sin(x))) });
const sigmoidOp = unary('sigmoid', {
  onnx: 'Sigmoid',
  f: (x) => 1 / (1 + Math.exp(-x)),
  d: (_, y, dy) => mul(dy, sub(y, square(y))),
});
const softplusOp = unary('softplus', {
  onnx: 'Softplus',
  f: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  d: (x, _, dy) => mul(dy, sigmoid(x)),
});

/** Its own op, so that its gradient is one pass (2x · dy) instead of two products and a sum. */
const squareOp: Op = {
  name: 'square',
  infer: ([x]) => expectFloat(x!),
  vjp: ({ inputs: [x] }, dy) => [() => mul(x!, scale(dy, 2))],
  onnx: (emit, [x]) => emit.node('Mul', [x!, x!]),
  cost: elementwisePass,
  interpret: ([x]) => ({ shape: x!.shape, data: x!.data.map((v) => v * v) }),
};

const detachOp: Op = {
  name: 'detach',
  infer: ([x]) => x!,
  vjp: 'not differentiable',
  onnx: (_, [x]) => x!,
  cost: () => ({ ...view(), nodes: 0 }),
  interpret: ([x]) => x!,
};

function comparison(name: string, onnx: string, f: (a: number, b: number) => boolean): Op {
  return {
    name,
    infer: ([a, b]) => {
      if (a!.dtype !== b!.dtype) throw new ShapeError(`compares one type, got ${showType(a!)} and ${showType(b!)}`);
      return { dtype: 'bool', shape: broadcast(a!.shape, b!.shape) };
    },
    vjp: 'not differentiable',
    onnx: (emit, inputs) => emit.node(onnx, inputs),
    cost: elementwisePass,
    interpret: ([a, b]) => elementwise((x, y) => Number(f(x!, y!)), a!, b!),
  };
}
const lessEqualOp = comparison('lessEqual', 'LessOrEqual', (a, b) => a <= b);
const equalOp = comparison('equal', 'Equal', (a, b) => a === b);

const whereOp: Op = {
  name: 'where',
  infer: ([c, a, b]) => {
    if (c!.dtype !== 'bool') throw new ShapeError(`the condition must be bool, got ${showType(c!)}`);
    return { dtype: expectFloat(a!).dtype, shape: broadcast(c!.shape, broadcast(a!.shape, expectFloat(b!).shape)) };
  },
  vjp({ inputs: [c], graph }, dy) {
    const zero = graph.constant(0);
    return [null, () => where(c!, dy, zero), () => where(c!, zero, dy)];
  },
  onnx: (emit, inputs) => emit.node('Where', inputs),
  cost: elementwisePass,
  interpret: ([c, a, b]) => elementwise((p, x, y) => (p ? x! : y!), c!, a!, b!),
};

/** The numbers of ONNX's TensorProto.DataType. */
export const onnxTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  bool: 9,
  uint32: 12,
  uint4: 21,
  float16: 10,
} as const satisfies Record<DType, number>;

const castOp: Op<{ readonly to: DType }> = {
  name: 'cast',
  infer: ([x], { to }) => ({ dtype: to, shape: x!.shape }),
  vjp: 'not differentiable',
  onnx: (emit, inputs, { attrs }) => emit.node('Cast', inputs, { to: onnxTypes[attrs.to] }),
  cost: elementwisePass,
  interpret: ([x]) => x!,
};

const apply1 = (op: Op) => (x: Value) => x.graph.apply(op, [x], {});
const apply2 = (op: Op) => (a: Value, b: Value) => a.graph.apply(op, [a, b], {});

/** a + b, with broadcasting. */
export const add = apply2(addOp);
/** a − b, with broadcasting. */
export const sub = apply2(subOp);
/** a · b elementwise, with broadcasting. */
export const mul = apply2(mulOp);
/** a / b elementwise, with broadcasting. */
export const div = apply2(divOp);
export const neg = apply1(negOp);
export const exp = apply1(expOp);
/** Natural logarithm. */
export const log = apply1(logOp);
export const sqrt = apply1(sqrtOp);
/** 1 / x. */
export const reciprocal = apply1(reciprocalOp);
export const sin = apply1(sinOp);
export const cos = apply1(cosOp);
/** x². */
export const square = apply1(squareOp);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = apply1(sigmoidOp);
/** log(1 + eˣ), without overflow. */
export const softplus = apply1(softplusOp);
/** x, through which no gradient flows. */
export const detach = apply1(detachOp);
/** a ≤ b, bool. */
export const lessEqual = apply2(lessEqualOp);
/** a = b, bool. */
export const equal = apply2(equalOp);
/** a where the condition holds, else b. */
export const where = (condition: Value, a: Value, b: Value): Value =>
  condition.graph.apply(whereOp, [condition, a, b], {});
/** Conversion between integers, booleans and floats; whole numbers stay exact up to 2²⁴. */
export const cast = (x: Value, to: DType): Value => x.graph.apply(castOp, [x], { to });
/** x · c for a number c. */
export const scale = (x: Value, c: number): Value => (c === 1 ? x : mul(x, x.graph.constant(c)));

export const elementwiseOps = {
  add: addOp,
  sub: subOp,
  mul: mulOp,
  div: divOp,
  neg: negOp,
  exp: expOp,
  log: logOp,
  sqrt: sqrtOp,
  reciprocal: reciprocalOp,
  sin: sinOp,
  cos: cosOp,
  square: squareOp,
  sigmoid: sigmoidOp,
  softplus: softplusOp,
  detach: detachOp,
  lessEqual: lessEqualOp,
  equal: equalOp,
  where: whereOp,
  cast: castOp as Op,
};
