/** One setting of a zod schema as text: how it is parsed from a flag, and what is expected of it. */
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';

/** What help, parsing and errors are made from: the part of JSON Schema that settings use. */
interface Form {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly items?: Form;
  /** Of a list: whether one value may stand for a list of it. */
  readonly orOne?: boolean;
  readonly additionalProperties?: Form;
}

/** A setting: its schema, and what the schema says about itself. */
export interface Field {
  readonly key: string;
  readonly schema: z.ZodType;
  readonly description: string;
  readonly default: unknown;
  readonly form: Form;
}

interface Kind {
  /** What stands for the value in help; a boolean has none. */
  readonly placeholder: (form: Form) => string;
  /** From a flag's text to a value, which the schema then checks. */
  readonly parse: (text: string, form: Form) => unknown;
  /** What a value must be, in words; `several` of them where it is an element. */
  readonly expected: (form: Form, options?: { readonly several: boolean }) => string;
}

/** Every kind of value that a setting can have. A schema of another kind fails when the command is built. */
const kinds = {
  string: {
    placeholder: () => '<value>',
    parse: (text) => text,
    expected: ({ enum: names }, options) =>
      names ? `one of ${names.join(', ')}` : options?.several ? 'names' : 'a text',
  },
  integer: {
    placeholder: () => '<n>',
    parse: toNumber,
    expected: (form, options) => `${options?.several ? 'whole numbers' : 'a whole number'}${range(form)}`,
  },
  number: {
    placeholder: () => '<n>',
    parse: toNumber,
    expected: (form, options) => `${options?.several ? 'numbers' : 'a number'}${range(form)}`,
  },
  boolean: { placeholder: () => '', parse: (text) => text === 'true', expected: () => 'true or false' },
  array: {
    placeholder: () => '<list>',
    parse: (text, { items, orOne }) => {
      const list = splitList(text).map((part) => kindOf(items).parse(part, items!));
      return orOne && list.length === 1 ? list[0] : list;
    },
    expected: ({ items }) => `a list of ${kindOf(items).expected(items!, { several: true })}, separated by commas`,
  },
  object: {
    placeholder: ({ additionalProperties: value }) =>
      value?.type === 'string' ? '<name=name,...>' : '<pattern=n,...>',
    parse: (text, { additionalProperties: value }) =>
      Object.fromEntries(splitList(text).map((part) => parsePair(part, value!))),
    expected: ({ additionalProperties: value }) =>
      `${value?.type === 'string' ? 'name=name' : 'pattern=value'} pairs separated by commas, each value ${kindOf(value).expected(value!)}`,
  },
} as const satisfies Record<Form['type'], Kind>;

const kindOf = (form: Form | undefined): Kind => kinds[form!.type];

/** A setting that is one value or a list of such: as text, a list in which one value is that value. */
function oneOrSeveral(forms: readonly Form[]): Partial<Form> {
  const list = forms.find(({ type }) => type === 'array');
  return list && forms.some(({ type }) => type === list.items?.type) ? { ...list, orOne: true } : {};
}

/** Reads a setting's schema. */
export function fieldOf(key: string, schema: z.ZodType): Field {
  const { description = '', default: fallback, anyOf, ...whole } = z.toJSONSchema(schema, { io: 'input' });
  const form = anyOf ? oneOrSeveral(anyOf as readonly Form[]) : whole;
  if (!(String(form.type) in kinds)) throw new Error(`internal: a flag cannot hold ${key}, a ${form.type}`);
  return { key, schema, description, default: fallback, form: form as unknown as Form };
}

export const placeholderOf = ({ form }: Field): string => kinds[form.type].placeholder(form);

/**
 * A setting's value from the text of a flag.
 *
 * @throws ConfigError `--rank: expected a whole number ≥ 1, got "x"`.
 */
export function parseText(field: Field, text: string, where: string): unknown {
  return checked(field, kindOf(field.form).parse(text, field.form), { where, given: text });
}

/** A setting's value from a file, checked; see {@link parseText}. */
export const checkValue = (field: Field, value: unknown, where: string): unknown =>
  checked(field, value, { where, given: value });

function checked({ schema, form }: Field, value: unknown, context: { where: string; given: unknown }): unknown {
  if (schema.safeParse(value).success) return value;
  throw new ConfigError(
    `${context.where}: expected ${kindOf(form).expected(form)}, got ${JSON.stringify(context.given)}`,
  );
}

/** A setting's value as the text of a flag that {@link parseText} reads back. */
export function toText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(([key, part]) => `${key}=${part}`)
      .join(',');
  return String(value);
}

/** Not a number: the text itself, which no schema of numbers lets pass. */
function toNumber(text: string): number | string {
  const number = Number(text);
  return text.trim() === '' || Number.isNaN(number) ? text : number;
}

const splitList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

/** The last `=` separates: a pattern may hold others. */
function parsePair(part: string, value: Form): readonly [string, unknown] {
  const at = part.lastIndexOf('=');
  return at < 0 ? [part, undefined] : [part.slice(0, at), kinds[value.type].parse(part.slice(at + 1), value)];
}

/** ` ≥ 1`, ` from 0 to 1`, or nothing. The ends of what a whole number can hold are no limits. */
function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Form): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  const limits = [
    exclusiveMinimum === undefined ? [] : `> ${exclusiveMinimum}`,
    low === undefined ? [] : `≥ ${low}`,
    exclusiveMaximum === undefined ? [] : `< ${exclusiveMaximum}`,
    high === undefined ? [] : `≤ ${high}`,
  ].flat();
  return limits.length === 0 ? '' : ` ${limits.join(' and ')}`;
}
