import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** Folders of src in the order of ARCHITECTURE.md: each imports only from those above it, and from itself. */
const order = [
  'core',
  'report',
  'graph',
  'onnx',
  'runtime',
  'checkpoint',
  'hub',
  'quantize',
  'text',
  'nn',
  'optim',
  'models',
  'lora',
  'data',
  'metrics',
  'baselines',
  'predict',
  'train',
  'tracking',
  'publish',
  'cli',
];
const src = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
const folderOf = (file: string) => file.split(/[/\\]/)[0]!;
const importsOf = (file: string) =>
  [...readFileSync(join(src, file), 'utf8').matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1]!);

test('every folder has its place', () =>
  expect([...new Set(files.filter((f) => f.includes('/')).map(folderOf))].sort()).toEqual([...order].sort()));

test.each(files.filter((f) => f.includes('/')))('%s imports only from above', (file) => {
  const below = importsOf(file)
    .filter((path) => path.startsWith('.'))
    .map((path) => folderOf(relative(src, join(src, dirname(file), path))))
    .filter((folder) => order.indexOf(folder) > order.indexOf(folderOf(file)) || !order.includes(folder));
  expect(below).toEqual([]);
});

test('only the runtime imports the engine', () =>
  expect(files.filter((f) => folderOf(f) !== 'runtime' && importsOf(f).includes('onnxruntime-node'))).toEqual([]));

test('only the command line and the runtime read the environment', () =>
  expect(
    files.filter(
      (f) =>
        !['cli', 'runtime'].includes(folderOf(f)) &&
        !f.endsWith('.test.ts') &&
        readFileSync(join(src, f), 'utf8').includes('process.env'),
    ),
  ).toEqual([]));
