import { describe, expect, test } from 'vitest';
import { schedule } from './schedule.ts';

const values = (...[name, options]: Parameters<typeof schedule>) =>
  Array.from({ length: options.total }, (_, t) => Number(schedule(name, options)(t).toFixed(4)));

describe('the learning rate', () => {
  test('rises from 0 and falls in a line', () =>
    expect(values('linear', { total: 6, warmup: 2 })).toEqual([0, 0.5, 1, 0.75, 0.5, 0.25]));
  test('falls along a cosine', () =>
    expect(values('cosine', { total: 4, warmup: 0 })).toEqual([1, 0.8536, 0.5, 0.1464]));
  test('stays', () => expect(values('constant', { total: 3, warmup: 1 })).toEqual([0, 1, 1]));
  test('is 0 after the end', () => expect(schedule('linear', { total: 4, warmup: 1 })(9)).toBe(0));
});
