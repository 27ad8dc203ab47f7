/** A curve in braille characters: each has 2 × 4 dots. */

const blank = 0x2800;
/** Bit of the dot at [row][column] of a character. */
const dots = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

export interface CurveSize {
  /** Columns, the axis included. */
  readonly width: number;
  /** Lines. */
  readonly height: number;
  /** How many values there will be: the curve grows to the right as they come. */
  readonly total: number;
}

/** Lines that show `values` over their positions, with the largest and smallest value at the axis. */
export function lossCurve(values: readonly number[], { width, height, total }: CurveSize): string[] {
  const columns = sample(values, { places: 2 * (width - axisWidth), total });
  const [low, high] = rangeOf(columns);
  const rows = 4 * height;
  const rowOf = (value: number): number =>
    high === low ? rows - 1 : Math.round(((high - value) / (high - low)) * (rows - 1));
  const cells = Array.from({ length: height }, () => new Array<number>(width - axisWidth).fill(blank));
  let before: number | undefined;
  for (const [x, value] of columns.entries()) {
    const y = rowOf(value);
    for (const at of stretch(before ?? y, y)) cells[at >> 2]![x >> 1]! |= dots[at & 3]![x & 1]!;
    before = y;
  }
  const label = (line: number): string => (line === 0 ? axisLabel(high) : line === height - 1 ? axisLabel(low) : '');
  return cells.map((row, line) => `${label(line).padStart(axisWidth - 2)} ┤${String.fromCodePoint(...row)}`);
}

const axisWidth = 8;
const axisLabel = (value: number): string => (Number.isFinite(value) ? value.toPrecision(3).slice(0, 6) : '');

/** One value for each dot column: the mean of those that fall there, or the nearest where they are few. */
function sample(values: readonly number[], { places, total }: { places: number; total: number }): number[] {
  if (values.length === 0) return [];
  const used = Math.max(1, Math.min(places, Math.round((values.length / Math.max(total, values.length)) * places)));
  return Array.from({ length: used }, (_, x) => {
    const from = Math.floor((x / used) * values.length);
    const to = Math.max(from + 1, Math.floor(((x + 1) / used) * values.length));
    const part = values.slice(from, to);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}

const rangeOf = (values: readonly number[]): readonly [number, number] => [
  values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
];

/** From the row next to `from` up or down to `to`: without gaps where the curve is steep. */
function stretch(from: number, to: number): number[] {
  if (from === to) return [to];
  const step = Math.sign(to - from);
  return Array.from({ length: Math.abs(to - from) }, (_, i) => from + step * (i + 1));
}
