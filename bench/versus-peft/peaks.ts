import { create, toBinary } from '@bufbuild/protobuf';
import { float32 } from '../../src/core/tensor.ts';
import { outputTensor } from '../../src/onnx/emit.ts';
import {
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../src/onnx/onnx_pb.ts';
import type { Device } from '../../src/runtime/device.ts';
import { median, type PeaksOutcome } from './job.ts';

/** Products of x [m, k] with weights [k, n] that the engine knows beforehand, as those of frozen layers. */
const shapes: readonly (readonly [m: number, k: number, n: number])[] = [
  [512, 1024, 1024],
  [512, 2048, 2048],
  [512, 2048, 8192],
];
/** Of each product, one after the other with a weight of its own. */
const products = 4;
const repeats = 9;

/** A kind of product: how its input is made of x, the product itself, and its constants. */
interface Kind {
  readonly prepare: readonly NodeProto[];
  product(weight: string, output: string): NodeProto;
  constants(weight: string, k: number, n: number): TensorProto[];
  readonly shared: readonly TensorProto[];
}

/**
 * The machine's peak in matrix products with this engine: the best over some shapes of layers, each the median of several
 * runs. fp32 is `MatMul`; int8 is `MatMulIntegerToFloat` of uint8 rows by int8 weights with a scale per output channel.
 */
export async function measurePeaks(device: Device): Promise<PeaksOutcome> {
  const best = async (kind: Kind): Promise<number> => {
    const reached: number[] = [];
    for (const shape of shapes) reached.push(await measure(device, kind, shape));
    return Math.max(...reached);
  };
  return { fp32: await best(fp32), int8: await best(int8) };
}

async function measure(device: Device, kind: Kind, [m, k, n]: readonly [number, number, number]): Promise<number> {
  const session = await device.load(model(kind, [m, k, n]), 'measuring matrix products');
  const x = await device.put(
    float32(
      Float32Array.from({ length: m * k }, (_, i) => Math.sin(i)),
      [m, k],
    ),
  );
  const seconds: number[] = [];
  for (let run = 0; run < repeats; run++) {
    const from = performance.now();
    await session.run({ x });
    seconds.push((performance.now() - from) / 1000);
  }
  x.free();
  await session.release();
  return (2 * m * k * n * products) / median(seconds);
}

/** Of each product only a row leaves the engine: what is measured is not the copying. */
function model(kind: Kind, [m, k, n]: readonly [number, number, number]) {
  const all = Array.from({ length: products }, (_, i) => ({
    weight: `w${i}`,
    y: `y${i}`,
    row: outputTensor(`row${i}`),
  }));
  const graph = create(GraphProtoSchema, {
    name: 'products',
    node: [
      ...kind.prepare,
      ...all.flatMap(({ weight, y, row }) => [kind.product(weight, y), node('Gather', [y, 'first'], row)]),
    ],
    initializer: [
      constant('first', DataType.INT64, [], new BigInt64Array(1)),
      ...kind.shared,
      ...all.flatMap(({ weight }) => kind.constants(weight, k, n)),
    ],
    input: [valueInfo('x', [m, k])],
    output: all.map(({ row }) => valueInfo(row, [n])),
  });
  const opsetImport = [
    { domain: '', version: 21n },
    { domain: 'com.microsoft', version: 1n },
  ];
  const bytes = toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 10n, opsetImport, graph }));
  return { bytes, inputs: ['x'], outputs: all.map((_, i) => `row${i}`), nodes: [] };
}

const fp32: Kind = {
  prepare: [],
  product: (weight, output) => node('MatMul', ['x', weight], output),
  constants: (weight, k, n) => [
    constant(
      weight,
      DataType.FLOAT,
      [k, n],
      Float32Array.from({ length: k * n }, (_, i) => Math.cos(i)),
    ),
  ],
  shared: [],
};

const int8: Kind = {
  prepare: [node('QuantizeLinear', ['x', 'scale', 'zero'], 'q')],
  product: (weight, output) =>
    node('MatMulIntegerToFloat', ['q', weight, 'scale', `${weight}/scale`, 'zero'], output, 'com.microsoft'),
  constants: (weight, k, n) => [
    constant(
      weight,
      DataType.INT8,
      [k, n],
      Int8Array.from({ length: k * n }, (_, i) => Math.round(127 * Math.cos(i))),
    ),
    constant(`${weight}/scale`, DataType.FLOAT, [n], new Float32Array(n).fill(1 / 127)),
  ],
  shared: [
    constant('scale', DataType.FLOAT, [], Float32Array.of(1 / 127)),
    constant('zero', DataType.UINT8, [], Uint8Array.of(128)),
  ],
};

function node(opType: string, input: string[], output: string, domain = ''): NodeProto {
  return create(NodeProtoSchema, { opType, domain, name: output, input, output: [output] });
}

function constant(name: string, dataType: DataType, shape: readonly number[], data: ArrayBufferView): TensorProto {
  const rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  return create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData });
}

const valueInfo = (name: string, shape: readonly number[]) =>
  create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: DataType.FLOAT,
          shape: { dim: shape.map((d) => ({ value: { case: 'dimValue' as const, value: BigInt(d) } })) },
        },
      },
    },
  });
