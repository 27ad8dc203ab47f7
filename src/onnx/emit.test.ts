import { fromBinary } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { grad } from '../graph/grad.ts';
import { Graph, type Value } from '../graph/graph.ts';
import {
  add,
  expandLike,
  matmul,
  meanLast,
  mul,
  padRows,
  reciprocal,
  reshape,
  sqrt,
  square,
  sum,
} from '../graph/ops/index.ts';
import { emitOnnx, type ParameterSource } from './emit.ts';
import { ModelProtoSchema } from './onnx_pb.ts';

const none = (): ParameterSource => expect.fail('no parameter is expected');

function emit(build: (graph: Graph) => Value, source: (name: string) => ParameterSource = none) {
  const graph = new Graph();
  graph.output('y', build(graph));
  const model = emitOnnx(graph, source);
  const parsed = fromBinary(ModelProtoSchema, model.bytes).graph!;
  const nodes = parsed.node.map((n) => n.opType).filter((op) => op !== 'Identity');
  return { model, parsed, nodes };
}
const matrix = (graph: Graph, name: string, shape: (number | string)[] = [2, 2]) => graph.input(name, 'float32', shape);

describe('what is written', () => {
  test('is only what the outputs need', () => {
    const { nodes, model } = emit((g) => {
      square(matrix(g, 'unused'));
      return mul(matrix(g, 'a'), matrix(g, 'b'));
    });
    expect(nodes).toEqual(['Mul']);
    expect(model.inputs).toEqual(['a', 'b']);
  });

  test('is called after its place', () => {
    const { parsed } = emit((g) => g.scope('model.norm', () => square(matrix(g, 'a'))));
    expect(parsed.node[0]!.name).toMatch(/^model\.norm\/square/);
  });

  test('has one copy of a constant', () => {
    const { parsed } = emit((g) =>
      add(mul(matrix(g, 'a'), g.constant(3)), mul(matrix(g, 'b'), g.constant([3], { shape: [1, 1] }))),
    );
    expect(parsed.initializer).toHaveLength(2);
    expect(emit((g) => mul(add(matrix(g, 'a'), g.constant(3)), g.constant(3))).parsed.initializer).toHaveLength(1);
  });
});

describe('fusions', () => {
  const norm = (g: Graph, x: Value) =>
    mul(mul(x, reciprocal(sqrt(add(meanLast(square(x)), g.constant(1e-5))))), g.parameter('w', [4]));
  const normOf = (build: (g: Graph, x: Value) => Value) =>
    emit(
      (g) => build(g, matrix(g, 'x', ['N', 4])),
      () => ({ kind: 'inline', tensor: float32([1, 2, 3, 4]) }),
    ).nodes;
  test('a norm is one node', () => expect(normOf(norm)).toEqual(['SimplifiedLayerNormalization']));
  test('not where something is differentiated', () =>
    expect(
      normOf((g, x) => {
        const y = norm(g, x);
        grad(reshape(sum(y, [0, 1]), []), [x]);
        return y;
      }),
    ).toContain('ReduceSum'));
  test('not if its inside is read elsewhere', () =>
    expect(normOf((g, x) => add(norm(g, x), sqrt(add(meanLast(square(x)), g.constant(1e-5)))))).toContain('ReduceSum'));
  test('a product and an addend are one Gemm', () =>
    expect(emit((g) => add(matmul(matrix(g, 'a'), matrix(g, 'b')), matrix(g, 'c'))).nodes).toEqual(['Gemm']));
  test('not if the product is read elsewhere', () =>
    expect(
      emit((g) => {
        const product = matmul(matrix(g, 'a'), matrix(g, 'b'));
        return add(add(product, matrix(g, 'c')), product);
      }).nodes,
    ).toEqual(['Gemm', 'Add', 'Add']));
  test('not if the addend stretches the result', () =>
    expect(emit((g) => add(matmul(matrix(g, 'a', [1, 2]), matrix(g, 'b')), matrix(g, 'c'))).nodes).toEqual([
      'Gemm',
      'Add',
    ]));
  test('elementwise ops read through an expansion', () => {
    const like = (g: Graph) => matrix(g, 'x');
    expect(emit((g) => mul(expandLike(matrix(g, 'row', [1, 2]), like(g)), like(g))).nodes).toEqual(['Mul']);
    expect(emit((g) => square(expandLike(matrix(g, 'row', [1, 2]), like(g)))).nodes).toEqual([
      'Shape',
      'Expand',
      'Mul',
    ]);
  });
});

describe('parameters', () => {
  const weight = (g: Graph) => mul(g.parameter('w', [2, 2]), matrix(g, 'a'));
  const file = (dtype: 'F32' | 'BF16'): ParameterSource => ({
    kind: 'file',
    location: 'model.safetensors',
    offset: 128,
    byteLength: 16,
    dtype,
  });

  test('lie where they are in their file', () => {
    const { parsed, nodes } = emit(weight, () => file('F32'));
    const external = Object.fromEntries(parsed.initializer[0]!.externalData.map((e) => [e.key, e.value]));
    expect(external).toEqual({ location: 'model.safetensors', offset: '128', length: '16' });
    expect(nodes).toEqual(['Mul']);
  });
  test('are widened if they are stored narrower', () =>
    expect(emit(weight, () => file('BF16')).nodes).toEqual(['Cast', 'Mul']));
  test('are cut out of the flat vector', () => {
    const { nodes, model } = emit(weight, () => ({ kind: 'flat', input: 'parameters', offset: 3, size: 9 }));
    expect(nodes).toEqual(['Slice', 'Reshape', 'Mul']);
    expect(model.inputs).toEqual(['parameters', 'a']);
  });
});

test('an empty slot of padded rows reads a row of zeros', () => {
  const { nodes } = emit((g) =>
    padRows(matrix(g, 'x', ['N', 2]), g.input('slots', 'int32', ['B', 'T']), g.input('places', 'int32', ['N'])),
  );
  expect(nodes).toEqual(['Concat', 'Gather']);
});
