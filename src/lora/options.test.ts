import { describe, expect, test } from 'vitest';
import { type LoraOptions, siteOf } from './options.ts';

const options = (change: Partial<LoraOptions>): LoraOptions => ({
  rank: 8,
  alpha: 16,
  dropout: 0,
  targetModules: 'all-linear',
  rslora: false,
  dora: false,
  ...change,
});
const q = 'model.layers.3.self_attn.q_proj';
const site = (change: Partial<LoraOptions>, path = q) => siteOf(path, options(change));

describe('LoRA sits', () => {
  test('on every linear', () => expect(site({})).toEqual({ rank: 8, scale: 2 }));
  test('on modules named by their last part', () =>
    expect([site({ targetModules: ['q_proj'] }), site({ targetModules: ['k_proj'] })]).toEqual([
      { rank: 8, scale: 2 },
      undefined,
    ]));
  test('not on modules that only end in the same letters', () =>
    expect(site({ targetModules: ['proj'] })).toBeUndefined());
  test('on modules named by their path', () => expect(site({ targetModules: [q] })).toBeDefined());
  test('where a regular expression matches the whole path', () =>
    expect([site({ targetModules: /.*self_attn.*/ }), site({ targetModules: /self_attn/ })]).toEqual([
      { rank: 8, scale: 2 },
      undefined,
    ]));
  test('in chosen layers', () =>
    expect([site({ layersToTransform: [3] }), site({ layersToTransform: [2, 13] })]).toEqual([
      { rank: 8, scale: 2 },
      undefined,
    ]));
});

describe('its rank and scale', () => {
  test('follow patterns', () =>
    expect(site({ rankPattern: { q_proj: 4 }, alphaPattern: { 'layers.3.self_attn.q_proj': 4 } })).toEqual({
      rank: 4,
      scale: 1,
    }));
  test('do not follow patterns for others', () =>
    expect(site({ rankPattern: { k_proj: 4, proj: 2 } })).toEqual({ rank: 8, scale: 2 }));
  test('divide by √rank with rsLoRA', () => expect(site({ rslora: true, rank: 4 })!.scale).toBe(8));
  test('must be whole', () =>
    expect(() => site({ rank: 0 })).toThrow(/rank must be a whole number from 1 up, got 0 at model\.layers\.3/));
});
