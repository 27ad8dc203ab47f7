import { expect, test } from 'vitest';
import { f16FromFloat32, float32FromF16 } from '../core/half.ts';
import { float32 } from '../core/tensor.ts';
import { bf16FromFloat32, decode, encode, float32FromBf16 } from './dtype.ts';

const every16 = Uint16Array.from({ length: 65536 }, (_, i) => i);
const f16 = (x: number) => f16FromFloat32(Float32Array.of(x))[0]!;
const bf16 = (x: number) => bf16FromFloat32(Float32Array.of(x))[0]!;
const fromBits = (bits: number) => new Float32Array(Uint32Array.of(bits).buffer)[0]!;

test('every half-precision value survives the way to float32 and back', () => {
  expect(f16FromFloat32(float32FromF16(every16))).toEqual(every16);
});

test('every bfloat16 value survives the way to float32 and back', () => {
  expect(bf16FromFloat32(float32FromBf16(every16))).toEqual(every16);
});

test('half-precision values are what IEEE 754 says', () => {
  const values = float32FromF16(every16);
  for (let h = 0; h < 65536; h++) {
    const [sign, exponent, mantissa] = [h & 0x8000 ? -1 : 1, (h >> 10) & 31, h & 1023];
    const finite = exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25);
    const value = exponent < 31 ? sign * finite : mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    if (!Object.is(values[h], value)) expect.fail(`0x${h.toString(16)}: ${values[h]}, not ${value}`);
  }
});

test('float32 rounds to the nearest half, ties to even', () => {
  const values = float32FromF16(every16);
  for (let h = 0; h + 1 < 0x7c00; h++) {
    const tie = (values[h]! + values[h + 1]!) / 2;
    const got = [tie * (1 - 2 ** -23), tie, tie * (1 + 2 ** -23), -tie].map(f16);
    const even = h & 1 ? h + 1 : h;
    if (got.join() !== [h, even, h + 1, even | 0x8000].join()) expect.fail(`around ${tie}: ${got}`);
  }
});

test('float32 rounds to the nearest bfloat16, ties to even', () => {
  for (let h = 0; h + 1 < 0x7f80; h++) {
    const got = [0x7fff, 0x8000, 0x8001].map((rest) => bf16(fromBits(h * 65536 + rest)));
    if (got.join() !== [h, h & 1 ? h + 1 : h, h + 1].join()) expect.fail(`above 0x${h.toString(16)}: ${got}`);
  }
});

test.each([
  ['the largest half', 65504, 0x7bff],
  ['just below the tie to infinity', 65519.996, 0x7bff],
  ['the tie to infinity', 65520, 0x7c00],
  ['beyond', 1e30, 0x7c00],
  ['infinity', Number.POSITIVE_INFINITY, 0x7c00],
  ['half of the smallest subnormal', 2 ** -25, 0],
  ['just above it', 2 ** -25 * (1 + 2 ** -23), 1],
  ['a float32 subnormal', 2 ** -149, 0],
  ['minus zero', -0, 0x8000],
  ['not a number', Number.NaN, 0x7e00],
])('half precision: %s', (_, value, bits) => expect(f16(value)).toBe(bits));

test('a NaN whose payload does not fit stays a NaN', () => {
  const lowPayload = new Float32Array(Uint32Array.of(0x7f800001).buffer);
  expect(f16FromFloat32(lowPayload)[0]).toBe(0x7e00);
  expect(bf16FromFloat32(lowPayload)[0]).toBe(0x7fc0);
});

const decoded = (dtype: Parameters<typeof decode>[0], stored: { buffer: ArrayBuffer; length: number }) =>
  decode(dtype, stored.buffer, [stored.length], 'x');

test.each([
  ['F64', Float64Array.of(0.1, -2), 'float32', [Math.fround(0.1), -2]],
  ['I64', BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n), 'int32', [-(2 ** 31), 2 ** 31 - 1]],
  ['I32', Int32Array.of(-7), 'int32', [-7]],
  ['U32', Uint32Array.of(2 ** 32 - 1), 'uint32', [2 ** 32 - 1]],
  ['I16', Int16Array.of(-7), 'int32', [-7]],
  ['U16', Uint16Array.of(65535), 'int32', [65535]],
  ['I8', Int8Array.of(-7), 'int32', [-7]],
  ['U8', Uint8Array.of(255), 'int32', [255]],
  ['BOOL', Uint8Array.of(0, 1), 'int32', [0, 1]],
] as const)('reads %s', (dtype, stored, inMemory, values) => {
  const tensor = decoded(dtype, stored);
  expect([tensor.dtype, ...tensor.data]).toEqual([inMemory, ...values]);
});

test('an I64 beyond int32 is refused, with its place', () => {
  expect(() => decoded('I64', BigInt64Array.of(0n, 2n ** 31n))).toThrow(
    'x: 2147483648 at element 1 does not fit in int32',
  );
});

test('a type without a counterpart in memory is refused', () => {
  expect(() => decoded('F8_E4M3', Uint8Array.of(1))).toThrow('x: values of type F8_E4M3 cannot be read');
});

test('encoding a view does not touch its neighbours', () => {
  const view = Float32Array.of(1, 2, 3).subarray(1, 2);
  expect([...encode(float32(view), 'F32')]).toEqual([0, 0, 0, 64]);
});
