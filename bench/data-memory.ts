/**
 * Peak memory and time of `data split`, and of training's data side (load, encode, and read every batch of one epoch,
 * without the engine), against the number of rows; each in a process of its own, on synthetic posts.
 *
 *     npm run build && node --import tsx bench/data-memory.ts --work FOLDER --rows 1000,10000,100000,1000000 \
 *       [--only split] --out docs/data-memory.json --plot docs/data-memory.svg
 *
 * A second run adds to the file what it measures.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { plotOf } from './plot.ts';

const { values: options } = parseArgs({
  options: {
    work: { type: 'string', default: 'data-memory' },
    rows: { type: 'string', default: '1000,10000,100000,1000000' },
    only: { type: 'string' },
    out: { type: 'string', default: 'docs/data-memory.json' },
    plot: { type: 'string', default: 'docs/data-memory.svg' },
  },
});

export interface Measured {
  readonly what: 'split' | 'train';
  readonly rows: number;
  readonly peakBytes: number;
  readonly seconds: number;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = (file: string): string => JSON.stringify(`file://${join(root, 'dist', file)}`);
const report = `
import { readFileSync as readStatus } from 'node:fs';
process.on('exit', () => {
  const peak = Number(/VmHWM:\\s+(\\d+)/.exec(readStatus('/proc/self/status', 'utf8'))[1]) * 1024;
  process.stdout.write('\\n' + JSON.stringify({ peakBytes: peak, seconds: performance.now() / 1000 }) + '\\n');
});`;

/** What runs in a process of its own. */
const programs: Readonly<Record<Measured['what'], (data: string, out: string) => string>> = {
  split: (data, out) => `${report}
process.argv.splice(1, Infinity, 'emotune', 'data', 'split', '--data', ${JSON.stringify(data)}, '--out', ${JSON.stringify(out)},
  '--group-column', 'author', '--weight-column', 'agreement');
await import(${dist('cli/main.js')});`,
  train: (data, out) => `${report}
process.argv.splice(1, Infinity, 'emotune', '--version');
await import(${dist('cli/main.js')}); // sets the flags of the command line
const { findBase } = await import(${dist('models/base.js')});
const { prepare } = await import(${dist('train/prepare.js')});
const { parseTrainConfig } = await import(${dist('train/config.js')});
const { epochBatches } = await import(${dist('data/batches.js')});
const { random } = await import(${dist('core/random.js')});
const config = parseTrainConfig({ data: ${JSON.stringify(data)}, weightColumn: 'agreement' });
const prepared = await prepare(config, { base: await findBase(config.base), workFolder: ${JSON.stringify(out)} });
const batches = epochBatches(prepared.train.length, 16, random(0));
let tokens = 0;
for (let b = 0; b < batches.length; b++)
  for (const { sequences } of prepared.train.read(batches.at(b))) tokens += sequences[0].length;
console.log(tokens);
await prepared.close();`,
};

function run(program: string): Pick<Measured, 'peakBytes' | 'seconds'> {
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`ended with ${result.status}: ${result.stderr}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!);
}

function rowsFile(rows: number): string {
  const file = join(options.work, `${rows}.csv`);
  const tool = join(root, 'bench', 'synthetic-texts.ts');
  if (!existsSync(file)) spawnSync(process.execPath, ['--import', 'tsx', tool, '--rows', `${rows}`, '--out', file]);
  return file;
}

mkdirSync(options.work, { recursive: true });
const measured: Measured[] = existsSync(options.out) ? JSON.parse(readFileSync(options.out, 'utf8')) : [];
for (const rows of options.rows.split(',').map(Number))
  for (const what of ['split', 'train'] as const) {
    if (options.only !== undefined && options.only !== what) continue;
    const out = join(options.work, `${what}-${rows}`);
    const result: Measured = { what, rows, ...run(programs[what](rowsFile(rows), out)) };
    rmSync(out, { recursive: true, force: true });
    console.log(`${what} ${rows}: ${(result.peakBytes / 2 ** 20).toFixed(0)} MiB, ${result.seconds.toFixed(1)} s`);
    const others = measured.filter((m) => m.what !== what || m.rows !== rows);
    measured.splice(0, Number.POSITIVE_INFINITY, ...others, result);
    measured.sort((a, b) => a.what.localeCompare(b.what) || a.rows - b.rows);
    writeFileSync(options.out, `${JSON.stringify(measured, null, 2)}\n`);
  }
writeFileSync(options.plot, plotOf(measured));
