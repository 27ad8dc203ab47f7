import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { trainSchema } from '../train/config.ts';
import { addFlags, argumentsOf, flagsFrom, valuesFrom } from './flags.ts';
import { trainFlagGroups } from './train.ts';

const shape = {
  name: z.string().optional().describe('a name'),
  batchSize: z.int().min(1).default(16).describe('examples of a step'),
  share: z.number().min(0).max(1).default(0.5),
  rate: z.number().positive().optional(),
  dropout: z.number().min(0).lt(1).default(0),
  kind: z.enum(['adamw', 'sgd']).default('adamw').describe('update rule'),
  layers: z.array(z.int().min(0)).optional(),
  modules: z.array(z.string()).default(['all']),
  ranks: z.record(z.string(), z.number().positive()).optional(),
  dora: z.boolean().default(false),
  data: z.union([z.string(), z.array(z.string()).min(1)]).optional(),
  map: z.record(z.string(), z.string()).optional(),
};

function parse(...args: string[]) {
  const command = addFlags(new Command().exitOverride().configureOutput({ writeErr: () => {} }), shape);
  command.parse(args, { from: 'user' });
  return valuesFrom(shape, command.opts());
}

describe('flags', () => {
  it('are named after the keys', () => {
    expect(flagsFrom(shape).map(({ term }) => term)).toEqual([
      '--name <value>',
      '--batch-size <n>',
      '--share <n>',
      '--rate <n>',
      '--dropout <n>',
      '--kind <value>',
      '--layers <list>',
      '--modules <list>',
      '--ranks <pattern=n,...>',
      '--dora',
      '--data <list>',
      '--map <name=name,...>',
    ]);
  });

  it('say their choices and defaults', () => {
    const help = Object.fromEntries(flagsFrom(shape).map((flag) => [flag.field.key, flag.help]));
    expect(help.batchSize).toBe('examples of a step (default: 16)');
    expect(help.kind).toBe('update rule (adamw, sgd; default: adamw)');
    expect(help.name).toBe('a name');
  });

  it('leave out what is not given, so that a file or the defaults decide', () => {
    expect(parse()).toEqual({});
  });

  it('are parsed by the type of the setting', () => {
    expect(
      parse('--batch-size', '8', '--rate', '1e-3', '--kind', 'sgd', '--layers', '0, 2', '--modules', 'q_proj,v_proj'),
    ).toEqual({ batchSize: 8, rate: 0.001, kind: 'sgd', layers: [0, 2], modules: ['q_proj', 'v_proj'] });
    expect(parse('--ranks', 'q_proj=8,layers.0=4')).toEqual({ ranks: { q_proj: 8, 'layers.0': 4 } });
    expect(parse('--data', 'a.csv')).toEqual({ data: 'a.csv' });
    expect(parse('--data', 'a.csv,b')).toEqual({ data: ['a.csv', 'b'] });
    expect(parse('--map', 'b:fear=terror,meh=')).toEqual({ map: { 'b:fear': 'terror', meh: '' } });
    expect(parse('--dora')).toEqual({ dora: true });
    expect(parse('--no-dora')).toEqual({ dora: false });
  });

  it.each([
    [['--batch-size', 'x'], '--batch-size: expected a whole number ≥ 1, got "x"'],
    [['--batch-size', '0'], '--batch-size: expected a whole number ≥ 1, got "0"'],
    [['--batch-size', '1.5'], '--batch-size: expected a whole number ≥ 1, got "1.5"'],
    [['--batch-size', ''], '--batch-size: expected a whole number ≥ 1, got ""'],
    [['--share', '2'], '--share: expected a number from 0 to 1, got "2"'],
    [['--rate', '0'], '--rate: expected a number > 0, got "0"'],
    [['--rate', 'Infinity'], '--rate: expected a number > 0, got "Infinity"'],
    [['--dropout', '1'], '--dropout: expected a number ≥ 0 and < 1, got "1"'],
    [['--kind', 'adam'], '--kind: expected one of adamw, sgd, got "adam"'],
    [['--layers', '1,a'], '--layers: expected a list of whole numbers ≥ 0, separated by commas, got "1,a"'],
    [
      ['--ranks', 'q_proj'],
      '--ranks: expected pattern=value pairs separated by commas, each value a number > 0, got "q_proj"',
    ],
  ])('%j is refused with what is expected', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });

  it('can be written back', () => {
    const values = { batchSize: 8, kind: 'adamw', layers: [0, 2], ranks: { q_proj: 8 }, dora: true } as const;
    const args = argumentsOf(shape, { ...values, layers: [0, 2] });
    expect(args).toEqual(['--batch-size', '8', '--layers', '0,2', '--ranks', 'q_proj=8', '--dora']);
    expect(parse(...args)).toEqual({ batchSize: 8, layers: [0, 2], ranks: { q_proj: 8 }, dora: true });
  });
});

describe('flags of train', () => {
  it('cover the whole schema', () => {
    const { shape } = trainSchema;
    expect(flagsFrom(shape).map(({ field }) => field.key)).toEqual(Object.keys(shape));
    expect(flagsFrom(shape).filter(({ help }) => help === '')).toEqual([]);
  });

  it('are each in one group of the help', () => {
    expect(Object.values(trainFlagGroups).flat().sort()).toEqual(Object.keys(trainSchema.shape).sort());
  });

  it('read back every default', () => {
    const defaults = Object.entries(trainSchema.parse({ data: 'x' })).filter(([, value]) => value !== undefined);
    const args = argumentsOf(trainSchema.shape, { data: 'y', ...Object.fromEntries(defaults) });
    const command = addFlags(new Command(), trainSchema.shape).parse(args, { from: 'user' });
    expect(trainSchema.parse(valuesFrom(trainSchema.shape, command.opts()))).toEqual(trainSchema.parse({ data: 'x' }));
  });
});
