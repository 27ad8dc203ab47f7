/** Flags made from a schema, so that what a command accepts is written down once. */
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { type Field, fieldOf, parseText, placeholderOf, toText } from './field.ts';

/** The shape of a zod object: a schema for each key. */
export type Shape = Readonly<Record<string, z.ZodType>>;

/** What may be given of a shape. */
export type Values<S extends Shape> = { [K in keyof S]?: z.input<S[K]> };

/** A setting as a flag. */
export interface Flag {
  readonly field: Field;
  /** `--batch-size` */
  readonly name: string;
  /** `--batch-size <n>` */
  readonly term: string;
  /** The field's description, with its choices and default. */
  readonly help: string;
}

/** The flags of a shape, in its order. */
export function flagsFrom(shape: Shape): Flag[] {
  return Object.entries(shape).map(([key, schema]) => {
    const field = fieldOf(key, schema);
    const name = flagOf(key);
    return { field, name, term: `${name} ${placeholderOf(field)}`.trim(), help: helpOf(field) };
  });
}

/**
 * Adds the flags of a shape to a command. A flag that is on or off can also be turned off (`--no-dora`), for a
 * configuration file may have turned it on.
 *
 * @param groups keys by the heading that help lists them under; the others come under `Options:`.
 */
export function addFlags(
  command: Command,
  shape: Shape,
  groups: Readonly<Record<string, readonly string[]>> = {},
): Command {
  for (const { field, name, term, help } of flagsFrom(shape)) {
    const heading = Object.keys(groups).find((title) => groups[title]!.includes(field.key));
    const option = new Option(term, help);
    command.addOption(heading === undefined ? option : option.helpGroup(heading));
    if (option.isBoolean()) command.addOption(new Option(name.replace('--', '--no-')).hideHelp());
  }
  return command;
}

/**
 * The values of a shape among the options that were given; texts are parsed.
 *
 * @throws ConfigError `--rank: expected a whole number ≥ 1, got "x"`.
 */
export function valuesFrom<S extends Shape>(shape: S, given: Readonly<Record<string, unknown>>): Values<S> {
  const values: Record<string, unknown> = {};
  for (const { field, name } of flagsFrom(shape)) {
    const value = given[field.key];
    if (value !== undefined) values[field.key] = typeof value === 'string' ? parseText(field, value, name) : value;
  }
  return values as Values<S>;
}

/** The command-line arguments that {@link valuesFrom} reads as `values`. */
export function argumentsOf<S extends Shape>(shape: S, values: Values<S>): string[] {
  return flagsFrom(shape).flatMap(({ field, name }) => {
    const value = values[field.key];
    if (value === undefined || value === field.default) return [];
    return typeof value === 'boolean' ? [value ? name : name.replace('--', '--no-')] : [name, toText(value)];
  });
}

/** `maxGradNorm` → `--max-grad-norm` */
export const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function helpOf({ description, form, default: fallback }: Field): string {
  const notes = [
    form.enum && !description.includes(form.enum.join(', ')) ? form.enum.join(', ') : [],
    fallback === undefined || fallback === false ? [] : `default: ${toText(fallback)}`,
  ].flat();
  if (notes.length === 0) return description;
  return description.endsWith(')')
    ? `${description.slice(0, -1)}; ${notes.join('; ')})`
    : `${description} (${notes.join('; ')})`;
}
