/** What a run is expected to take. */
import type { CacheEstimate, RunEstimate } from '../../train/estimate.ts';
import { formatBytes, formatDuration, formatStep, formatWhole } from './quantities.ts';

type Fact = readonly [name: string, text: string];

/** For the head of a run: one line for memory, one for time. */
export function estimateFacts({ memory, time, cache }: RunEstimate): Fact[] {
  return [
    ['memory', `about ${size(memory.bytes)} of ${size(memory.availableBytes)}, most of it ${largest(memory.parts)}`],
    ...(cache ? [['cache', `${size(cache.bytes)}, ${cacheContent(cache)}, in ${cache.root}`] as const] : []),
    ['time', `about ${formatDuration(time.total)}, ${formatStep(time.step)} a step; limited by ${bound(time)}`],
  ];
}

/** For `--dry-run`: every part. */
export function estimateTable({ memory, disk, time, cache }: RunEstimate): string[] {
  return [
    line(
      'memory',
      memory.bytes,
      `expected at the peak (${memory.during}), of ${size(memory.availableBytes)} that can be had`,
    ),
    ...memory.parts.map(({ name, bytes }) => line('', bytes, name)),
    line('disk', disk.bytes, `at most, of ${size(disk.availableBytes)} that are free`),
    ...disk.parts.map(({ name, bytes }) => line('', bytes, name)),
    ...(cache ? cacheRows(cache) : []),
    row('time', formatDuration(time.total), 'in all'),
    ...(cache ? [row('', formatDuration(time.caching), 'computing the frozen layers, once')] : []),
    row('', formatDuration(time.opening), 'opening the base'),
    row('', formatStep(time.step), 'a step'),
    row('', formatDuration(time.epoch), 'an epoch of steps'),
    row('', formatDuration(time.evaluation), 'validation, after each epoch'),
    row('', formatDuration(time.test), 'test, at the end'),
    row('limits', 'memory', largest(memory.parts)),
    row('', 'time', bound(time)),
  ];
}

const cacheContent = ({ layer, tokens }: CacheEstimate): string =>
  `what the layers below ${layer} give of ${formatWhole(tokens)} tokens`;

const cacheRows = (cache: CacheEstimate): string[] => [
  line('cache', cache.bytes, `${cacheContent(cache)}, in ${cache.root}`),
  line('', cache.missingBytes, `of it to be written, of ${size(cache.availableBytes)} that are free`),
];

/** What comes before all that, where the base is not on this machine. */
export const fetchRows = (bytes: number): string[] =>
  bytes === 0 ? [] : [line('download', bytes, 'the weights of the base, before the run, into the cache of the Hub')];

const nameWidth = 12;
const quantityWidth = 12;
const row = (name: string, quantity: string, text: string): string =>
  name.padEnd(nameWidth) + quantity.padEnd(quantityWidth) + text;
const line = (name: string, bytes: number, text: string): string => row(name, size(bytes), text);
const size = (bytes: number): string => formatBytes(Math.round(bytes));

const largest = (parts: RunEstimate['memory']['parts']): string => {
  const { name, bytes } = parts.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  return `${name} (${size(bytes)})`;
};

const bounds = {
  arithmetic: 'the arithmetic of matrix products',
  memory: 'moving data through memory',
  overhead: 'the overhead of many small operations',
} as const;

function bound({ shares }: RunEstimate['time']): string {
  const names = Object.keys(bounds) as (keyof typeof bounds)[];
  const most = names.reduce((a, b) => (shares[b] > shares[a] ? b : a));
  return `${bounds[most]} (${(100 * shares[most]).toFixed(0)} %)`;
}
