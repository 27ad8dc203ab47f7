import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeEvent, readEvent, type TensorBoardEvent } from './tensorboard-event.ts';

const wallTime = 1.5;
const hex = (event: TensorBoardEvent) => Buffer.from(encodeEvent(event)).toString('hex');

// The bytes are those of TensorBoard 2.21's own messages.
describe('events are written as TensorBoard writes them', () => {
  it('the version', () =>
    expect(hex({ wallTime, step: 0, kind: 'version' })).toBe('09000000000000f83f1a0d627261696e2e4576656e743a32'));

  it('numbers', () => {
    const scalars = new Map([
      ['train/loss', 0.5],
      ['a', Number.NaN],
    ]);
    expect(hex({ wallTime, step: 300, kind: 'scalars', scalars })).toBe(
      '09000000000000f83f10ac022a1d0a110a0a747261696e2f6c6f7373150000003f0a080a0161150000c07f',
    );
  });

  it('a text', () =>
    expect(hex({ wallTime, step: 1, kind: 'text', tag: 'c', markdown: '# hi' })).toBe(
      '09000000000000f83f10012a1d0a1b0a0163420a080712004204232068694a0a0a060a04746578742002',
    ));

  it('a restart', () => expect(hex({ wallTime, step: 5, kind: 'restart' })).toBe('09000000000000f83f10053a020801'));
});

it('a number too large for a float is infinite', () =>
  expect(hex({ wallTime, step: 1, kind: 'scalars', scalars: new Map([['a', 1e300]]) })).toMatch(/150000807f$/));

it('steps and tags are read back', () => {
  const scalars = fc.dictionary(fc.string({ minLength: 1 }), fc.double(), { maxKeys: 5 });
  fc.assert(
    fc.property(fc.nat(), scalars, (step, values) => {
      const bytes = encodeEvent({ wallTime, step, kind: 'scalars', scalars: new Map(Object.entries(values)) });
      expect(readEvent(bytes)).toEqual({ step, tags: Object.keys(values), restart: false });
    }),
  );
  expect(readEvent(encodeEvent({ wallTime, step: 7, kind: 'restart' }))).toEqual({ step: 7, tags: [], restart: true });
});
