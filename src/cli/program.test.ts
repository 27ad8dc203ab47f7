import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { makeProgram } from './program.ts';

/** What `--help` prints, the texts after the flags included. */
function helpOf(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 100 });
  command.outputHelp();
  return help;
}

/** Every command that does something, with its whole name. */
const leaves = (command: Command, path: readonly string[] = []): (readonly [name: string, command: Command])[] =>
  command.commands.length === 0
    ? [[[...path, command.name()].join(' '), command]]
    : command.commands.flatMap((sub) => leaves(sub, [...path, command.name()]));

const program = makeProgram();

it('has these commands', () => {
  expect(leaves(program).map(([name]) => name)).toEqual([
    'emotune train',
    'emotune evaluate',
    'emotune predict',
    'emotune data list',
    'emotune data fetch',
    'emotune data inspect',
    'emotune data label-errors',
    'emotune data split',
    'emotune merge',
    'emotune push',
    'emotune checkpoint',
    'emotune doctor',
  ]);
});

it('says what exit codes mean', () => {
  for (const code of [0, 2, 3, 4, 5, 6, 70, 130]) expect(helpOf(program)).toMatch(new RegExp(`^ {2}${code} `, 'm'));
});

describe.each(leaves(program))('%s', (name, command) => {
  it('explains itself, its flags, and how it is called', () => {
    const help = helpOf(command);
    expect(command.summary()).not.toBe('');
    expect(command.options.filter(({ description, hidden }) => !hidden && !description)).toEqual([]);
    expect(help).toMatch(/\n\nExamples:\n {2}\S/);
    expect(help).toContain(name);
  });

  it('has examples that name only flags it has', () => {
    const examples = helpOf(command).split('Examples:')[1]!;
    const given = [...examples.matchAll(/--[a-z-]+/g)].map(([flag]) => flag);
    expect(given.filter((flag) => !command.options.some(({ long }) => long === flag))).toEqual([]);
  });
});

it('has a default for a flag or none, but never two', () => {
  const twice = leaves(program).flatMap(([, { options }]) =>
    options.filter(({ description }) => (description.match(/default: /g) ?? []).length > 1),
  );
  expect(twice.map(({ long }) => long)).toEqual([]);
});
