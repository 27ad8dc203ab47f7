import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { baseFolder, findBase, isEmbedded } from './base.ts';
import { describeModel } from './registry.ts';

test('a base that comes with emotune has its folder', async () => {
  expect(isEmbedded('nano')).toBe(true);
  expect(basename(baseFolder('nano'))).toBe('nano-llama');
  expect(await findBase('nano')).toMatchObject({ name: 'nano', reference: 'nano', dir: baseFolder('nano') });
});

test.each(['constructor', 'toString', '__proto__'])(
  '%s, which every object has, is neither base nor model',
  async (name) => {
    expect(isEmbedded(name)).toBe(false);
    await expect(findBase(name)).rejects.toThrow(`${name}: no such folder`);
    expect(() => describeModel({ model_type: name })).toThrow(`model_type '${name}' is not supported`);
  },
);
