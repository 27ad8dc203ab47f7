import { create, toBinary } from '@bufbuild/protobuf';
import { internal } from '../core/errors.ts';
import { f16FromFloat32 } from '../core/half.ts';
import type { Tensor } from '../core/tensor.ts';
import { ancestors, type Graph, type Value } from '../graph/graph.ts';
import type { Call, OnnxAttribute, OnnxEmitter } from '../graph/op.ts';
import type { DType, TensorType } from '../graph/shape.ts';
import { type Fusion, fuse } from './fuse.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.ts';

/** Where a parameter of the graph comes from when it runs. */
export type ParameterSource =
  /** Used in place inside a weights file; narrower floats are widened where they enter. */
  | {
      readonly kind: 'file';
      readonly location: string;
      readonly offset: number;
      readonly byteLength: number;
      readonly dtype: 'F32' | 'F16' | 'BF16' | 'I8' | 'U8';
    }
  /** A stretch of a flat float32 vector given as an input at every run. */
  | { readonly kind: 'flat'; readonly input: string; readonly offset: number; readonly size: number }
  /** Written into the model. */
  | { readonly kind: 'inline'; readonly tensor: Tensor };

/** A model ready for the runtime, and what it reads and gives. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** In the order of computation. */
  readonly nodes: readonly { readonly name: string; readonly opType: string }[];
}

/** Inputs and outputs share one name space in ONNX but not in our graphs: an output is written with a mark. */
const OUTPUT_MARK = '=';
export const outputTensor = (name: string): string => name + OUTPUT_MARK;
export const outputName = (tensor: string): string => tensor.slice(0, -OUTPUT_MARK.length);

const OPSET = 21n;
/** Newer than the schema that onnx_pb.ts was generated from. */
const UINT4 = 21;
const dataTypes = {
  float32: DataType.FLOAT,
  int32: DataType.INT32,
  int64: DataType.INT64,
  uint32: DataType.UINT32,
  bool: DataType.BOOL,
  int8: DataType.INT8,
  uint8: DataType.UINT8,
  uint4: UINT4,
  float16: DataType.FLOAT16,
} as const;
const fileTypes = {
  F32: DataType.FLOAT,
  F16: DataType.FLOAT16,
  BF16: DataType.BFLOAT16,
  I8: DataType.INT8,
  U8: DataType.UINT8,
} as const;

/**
 * Writes the part of a graph its outputs need as an ONNX model. Node names are the graph's, so the runtime's errors say the place.
 *
 * @param lacking operators that what computes has no kernels for: where others say the same, those are written.
 */
export function emitOnnx(
  graph: Graph,
  source: (parameter: string) => ParameterSource,
  lacking: ReadonlySet<string> = new Set(),
): OnnxModel {
  const writer = new Writer(graph, source, lacking);
  const outputs = [...graph.outputs].map(([name, value]) => writer.output(name, value));
  const model = create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'emotune',
    opsetImport: [
      { domain: '', version: OPSET },
      { domain: 'com.microsoft', version: 1n },
    ],
    graph: create(GraphProtoSchema, { ...writer.parts, name: 'emotune', output: outputs }),
  });
  return {
    bytes: toBinary(ModelProtoSchema, model),
    inputs: writer.parts.input.map((i) => i.name ?? ''),
    outputs: [...graph.outputs.keys()],
    nodes: writer.parts.node.map(({ name = '', opType = '' }) => ({ name, opType })),
  };
}

/** State of one emission: the lists of the ONNX graph, and what has been written already. */
class Writer implements OnnxEmitter {
  readonly parts: Pick<GraphProto, 'node' | 'initializer' | 'input'> = { node: [], initializer: [], input: [] };
  readonly #graph: Graph;
  readonly #source: (parameter: string) => ParameterSource;
  readonly #lacking: ReadonlySet<string>;
  readonly #fusions: ReadonlyMap<Value, Fusion>;
  readonly #written = new Map<string, string>();
  readonly #names = new Map<Value, string>();
  #place = '';
  #count = 0;

  constructor(graph: Graph, source: (parameter: string) => ParameterSource, lacking: ReadonlySet<string>) {
    this.#graph = graph;
    this.#source = source;
    this.#lacking = lacking;
    this.#fusions = fuse(graph);
    this.#writeValues(graph.outputs.values());
  }

  output(name: string, value: Value): ValueInfoProto {
    const tensor = outputTensor(name);
    this.parts.node.push(
      create(NodeProtoSchema, {
        opType: 'Identity',
        name: `output/${name}`,
        input: [this.#names.get(value)!],
        output: [tensor],
      }),
    );
    return valueInfo(tensor, value);
  }

  /** Writes what is needed, in the graph's order: values are numbered after their inputs. */
  #writeValues(outputs: Iterable<Value>): void {
    const inputsOf = (v: Value) => this.#fusions.get(v)?.inputs ?? v.inputs;
    const needed = ancestors(outputs, inputsOf);
    for (const v of this.#graph.values) {
      if (!needed.has(v)) continue;
      this.#place = v.name;
      const inputs = inputsOf(v).map((x) => this.#names.get(x) ?? internal(`${x.name} is read before it is written`));
      const fusion = this.#fusions.get(v);
      this.#names.set(v, fusion ? fusion.emit(this, inputs) : v.op.onnx(this, inputs, v as Call));
    }
  }

  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    domain = '',
  ): string {
    const output = `v${this.#count++}`;
    const attribute = Object.entries(attributes).map(([name, value]) => attributeProto(name, value));
    this.parts.node.push(
      create(NodeProtoSchema, {
        opType,
        domain,
        name: `${this.#place}#${output}`,
        input: [...inputs],
        output: [output],
        attribute,
      }),
    );
    return output;
  }

  constant(type: DType | 'int64', data: ArrayLike<number>, shape: readonly number[]): string {
    const raw = rawBytes(type, data);
    const key = `${type}[${shape.join(',')}]${Buffer.from(raw).toString('base64')}`;
    return this.#once(key, (name) => {
      this.parts.initializer.push(tensorProto(name, dataTypes[type], shape, { rawData: raw }));
      return name;
    });
  }

  input(name: string, type: TensorType): string {
    return this.#once(`input ${name}`, () => {
      this.parts.input.push(valueInfo(name, type));
      return name;
    });
  }

  parameter(name: string, type: TensorType): string {
    const source = this.#source(name);
    const shape = type.shape.map(Number);
    if (source.kind === 'inline') return this.constant(type.dtype, source.tensor.data, shape);
    if (source.kind === 'flat') return this.#flatPart(source, shape);
    this.parts.initializer.push(
      tensorProto(name, type.dtype === 'uint4' ? UINT4 : fileTypes[source.dtype], shape, {
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries({
          location: source.location,
          offset: source.offset,
          length: source.byteLength,
        }).map(([key, value]) => ({
          key,
          value: String(value),
        })),
      }),
    );
    const isNarrow = type.dtype === 'float32' && (source.dtype === 'F16' || source.dtype === 'BF16');
    return isNarrow ? this.node('Cast', [name], { to: DataType.FLOAT }) : name;
  }

  dim(symbol: string): string {
    for (const [name, { shape }] of this.#graph.inputs) {
      const axis = shape.indexOf(symbol);
      if (axis < 0) continue;
      this.input(name, this.#graph.inputs.get(name)!);
      return this.#once(`dim ${symbol}`, () =>
        this.node('Gather', [this.node('Shape', [name]), this.constant('int64', [axis], [])], { axis: 0 }),
      );
    }
    return internal(`dimension ${symbol} is bound by no input`);
  }

  lacks(opType: string): boolean {
    return this.#lacking.has(opType);
  }

  #flatPart({ input, offset, size }: Extract<ParameterSource, { kind: 'flat' }>, shape: readonly number[]): string {
    this.input(input, { dtype: 'float32', shape: [size] });
    const one = (v: number) => this.constant('int64', [v], [1]);
    const end = offset + shape.reduce((n, d) => n * d, 1);
    const part = this.node('Slice', [input, one(offset), one(end), one(0)]);
    return shape.length === 1 ? part : this.node('Reshape', [part, this.constant('int64', shape, [shape.length])]);
  }

  #once(key: string, write: (freshName: string) => string): string {
    const known = this.#written.get(key);
    if (known !== undefined) return known;
    const name = write(`c${this.#written.size}`);
    this.#written.set(key, name);
    return name;
  }
}

function tensorProto(
  name: string,
  dataType: number,
  shape: readonly number[],
  rest:
    | { rawData: Uint8Array }
    | (Pick<TensorProto, 'dataLocation'> & { externalData: { key: string; value: string }[] }),
): TensorProto {
  return create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), ...rest });
}

function valueInfo(name: string, { dtype, shape }: TensorType): ValueInfoProto {
  const dim = shape.map((d) => ({
    value:
      typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: dataTypes[dtype], shape: { dim } } } },
  });
}

function attributeProto(name: string, value: OnnxAttribute): AttributeProto {
  if (typeof value === 'number')
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  if (typeof value === 'string')
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

function rawBytes(type: DType | 'int64', data: ArrayLike<number>): Uint8Array {
  const typed = {
    float32: () => Float32Array.from(data),
    int32: () => Int32Array.from(data),
    uint32: () => Uint32Array.from(data),
    int64: () => BigInt64Array.from(Array.from(data, BigInt)),
    bool: () => Uint8Array.from(data),
    int8: () => Int8Array.from(data),
    uint8: () => Uint8Array.from(data),
    float16: () => f16FromFloat32(Float32Array.from(data)),
    uint4: () =>
      Uint8Array.from({ length: Math.ceil(data.length / 2) }, (_, i) => data[2 * i]! + 16 * (data[2 * i + 1] ?? 0)),
  }[type]();
  return new Uint8Array(typed.buffer);
}
