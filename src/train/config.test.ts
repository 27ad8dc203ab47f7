import { expect, test } from 'vitest';
import { parseTrainConfig } from './config.ts';

test.each(['beta1', 'beta2'])('%s is less than 1: AdamW divides by 1 − βᵗ', (key) => {
  expect(parseTrainConfig({ data: 'a.csv', [key]: 0.99999 })).toMatchObject({ [key]: 0.99999 });
  expect(() => parseTrainConfig({ data: 'a.csv', [key]: 1 })).toThrow(
    new RegExp(`the configuration cannot be used: .*${key}.*<1`),
  );
});

test('DoRA needs the exact weights', () => {
  expect(() => parseTrainConfig({ data: 'a.csv', dora: true, precision: 'int8' })).toThrow(/dora.*precision fp32/);
  expect(parseTrainConfig({ data: 'a.csv', dora: true })).toMatchObject({ precision: 'fp32' });
});
