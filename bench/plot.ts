/** A plot of {@link Measured} as SVG: peak memory and time against rows. */
import type { Measured } from './data-memory.ts';

const [width, height, left, right, bottom, top] = [430, 300, 60, 40, 40, 30];
const colours = { split: '#1f77b4', train: '#d62728' } as const;
const names = { split: 'data split', train: 'training: load, encode, one epoch of batches' } as const;

interface Panel {
  readonly title: string;
  readonly value: (measured: Measured) => number;
  readonly ticks: readonly number[];
  /** From a value to 0 … 1. */
  readonly scale: (value: number) => number;
}

/** Two panels side by side; rows on a logarithmic axis. */
export function plotOf(measured: readonly Measured[]): string {
  const rows = [...new Set(measured.map((m) => m.rows))].sort((a, b) => a - b);
  const [first, last] = [Math.log10(rows[0]!), Math.log10(rows.at(-1)!)];
  const x = (count: number): number =>
    left + ((Math.log10(count) - first) / (last - first || 1)) * (width - left - right);
  const panels: readonly Panel[] = [
    {
      title: 'peak memory (VmHWM), MiB',
      value: (m) => m.peakBytes / 2 ** 20,
      ...linear(Math.max(...measured.map((m) => m.peakBytes / 2 ** 20))),
    },
    { title: 'time, s', value: (m) => m.seconds, ...logarithmic(measured.map((m) => m.seconds)) },
  ];
  const drawn = panels.map((panel, p) => `<g transform="translate(${p * width} 0)">${draw(panel)}</g>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * width} ${height + 30}" font-family="sans-serif" font-size="11"><title>Peak memory and time of data against rows</title>
<rect width="100%" height="100%" fill="white"/>
${drawn.join('\n')}
${(['split', 'train'] as const).map(legend).join('\n')}
</svg>
`;

  function draw({ title, value, ticks, scale }: Panel): string {
    const y = (v: number): number => height - bottom - scale(v) * (height - bottom - top);
    const lines = (['split', 'train'] as const).map((what) => {
      const points = measured.filter((m) => m.what === what).map((m) => [x(m.rows), y(value(m))] as const);
      const dots = points.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3" fill="${colours[what]}"/>`);
      return `<polyline fill="none" stroke="${colours[what]}" points="${points.join(' ')}"/>${dots.join('')}`;
    });
    const grid = ticks.map(
      (t) =>
        `<line x1="${left}" x2="${width - right}" y1="${y(t)}" y2="${y(t)}" stroke="#ddd"/><text x="${left - 6}" y="${y(t) + 4}" text-anchor="end">${t}</text>`,
    );
    const marks = rows.map(
      (r) => `<text x="${x(r)}" y="${height - bottom + 16}" text-anchor="middle">${r.toLocaleString('en')}</text>`,
    );
    return `<text x="${left}" y="18" font-size="13">${title}</text>${grid.join('')}${marks.join('')}<text x="${(left + width) / 2}" y="${height - 6}" text-anchor="middle">rows</text>${lines.join('')}`;
  }
}

const legend = (what: Measured['what'], i: number): string =>
  `<rect x="${left + i * 160}" y="${height + 8}" width="12" height="12" fill="${colours[what]}"/><text x="${left + 18 + i * 160}" y="${height + 18}">${names[what]}</text>`;

function linear(most: number): Pick<Panel, 'ticks' | 'scale'> {
  const end = Math.ceil(most / 50) * 50;
  return { ticks: Array.from({ length: end / 50 + 1 }, (_, i) => i * 50), scale: (v) => v / end };
}

function logarithmic(values: readonly number[]): Pick<Panel, 'ticks' | 'scale'> {
  const [low, high] = [Math.floor(Math.log10(Math.min(...values))), Math.ceil(Math.log10(Math.max(...values)))];
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => Number((10 ** (low + i)).toPrecision(1)));
  return { ticks, scale: (v) => (Math.log10(v) - low) / (high - low || 1) };
}
