/**
 * Makes a checkout ready to use: installs the packages and compiles the sources, each only when it has to be.
 *
 *     node scripts/setup.mjs
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Holds the hash of the package-lock.json that was installed. */
const marker = join(root, 'node_modules', '.emotune-installed');
/** Its time is that of the last build. */
const built = join(root, 'dist', '.emotune-built');

/** Installs and builds if needed. Ends the process when that fails. */
export function setUp() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (!isInstalled(lock)) {
    step('Installing packages (npm ci) …', 'npm', ['ci', '--no-audit', '--no-fund']);
    writeFileSync(marker, lock);
  }
  if (!isBuilt()) {
    step('Compiling (npm run build) …', 'npm', ['run', 'build']);
    writeFileSync(built, '');
  }
}

/** An install of npm's own counts too: then its record of what it installed is not older than the lock file. */
function isInstalled(lock) {
  if (existsSync(marker)) return readFileSync(marker, 'utf8') === lock;
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record) || !sameVersions(record)) return false;
  writeFileSync(marker, lock);
  return true;
}

/** Whether what npm recorded as installed are the versions that package-lock.json asks for on this platform. */
function sameVersions(record) {
  const packages = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;
  const installed = packages(record);
  return Object.entries(packages(join(root, 'package-lock.json'))).every(
    ([path, { version, optional }]) =>
      path === '' || (installed[path] ? installed[path].version === version : optional === true),
  );
}

function isBuilt() {
  if (!existsSync(built) || !existsSync(join(root, 'dist', 'cli', 'main.js'))) return false;
  const builtAt = statSync(built).mtimeMs;
  return inputs().every((path) => statSync(path).mtimeMs <= builtAt);
}

const inputs = () => [
  ...readdirSync(join(root, 'src'), { recursive: true })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => join(root, 'src', path)),
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((path) => join(root, path)),
];

/** Runs a program, saying so in one line; its output is shown only if it fails. */
function step(title, program, args) {
  console.log(title);
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
    maxBuffer: 2 ** 28,
  });
  if (status === 0) return;
  process.stdout.write(stdout ?? '');
  process.stderr.write(stderr ?? '');
  console.error(`${program} ${args.join(' ')} failed${error ? `: ${error.message}` : ` with exit code ${status}`}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setUp();
  console.log('Ready.');
}
