/**
 * A JSON value as one line of JSON without its strings, and after the line its strings, one after the other:
 *
 *     string              its length in code units; as it is, if it has a lone surrogate, which UTF-8 cannot say
 *     number n            [n]
 *     array               [[element, …]]
 *     object              {"key": value, …}
 *     true, false, null   as they are; NaN and ±Infinity are null, as in JSON
 *
 * `{"id":"7","labels":[3]}` becomes `{"id":1,"labels":[[[3]]]}\n7`. For V8 puts every string of up to ten characters that
 * `JSON.parse` reads into its table of unique strings, and with a million ids that table takes tens of megabytes. Long
 * texts need no escapes here, besides.
 *
 * It goes down by calling itself: see {@link isNestedDeeper}.
 */
export function packJson(value: unknown): string {
  const strings: string[] = [];
  const shape = JSON.stringify(shapeOf(value, strings));
  return `${shape}\n${strings.join('')}`;
}

/** The value that {@link packJson} made text of. */
export function unpackJson(packed: string): unknown {
  const end = packed.indexOf('\n');
  let at = end + 1;
  const take = (length: number): string => {
    at += length;
    return packed.slice(at - length, at);
  };
  return filled(JSON.parse(packed.slice(0, end)) as Shape, take);
}

type Shape = number | string | boolean | null | readonly [number] | readonly [readonly Shape[]] | ObjectShape;
type ObjectShape = { readonly [key: string]: Shape };

function shapeOf(value: unknown, strings: string[]): unknown {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) return value;
    strings.push(value);
    return value.length;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? [value] : null; // JSON.parse reads 1e999 as Infinity
  if (Array.isArray(value)) return [value.map((element) => shapeOf(element, strings))];
  if (typeof value !== 'object' || value === null) return value;
  return mapValues(value, (property) => shapeOf(property, strings));
}

function filled(shape: Shape, take: (length: number) => string): unknown {
  if (typeof shape === 'number') return take(shape);
  if (typeof shape !== 'object' || shape === null) return shape;
  if (!isArray(shape)) return mapValues(shape, (property) => filled(property as Shape, take));
  const [only] = shape;
  return typeof only === 'number' ? only : only.map((element) => filled(element, take));
}

function mapValues(object: object, change: (value: unknown) => unknown): object {
  const mapped: Record<string, unknown> = {};
  for (const key in object) {
    const value = change((object as Record<string, unknown>)[key]);
    if (key !== '__proto__') mapped[key] = value;
    else Object.defineProperty(mapped, key, { value, enumerable: true, configurable: true, writable: true });
  }
  return mapped;
}

const isArray = (shape: object): shape is readonly [number] | readonly [readonly Shape[]] => Array.isArray(shape);

/** Whether a JSON value has arrays and objects in one another on more than so many levels. */
export function isNestedDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isNestedDeeper(inner, levels - 1));
}
