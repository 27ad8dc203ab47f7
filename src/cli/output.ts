/** Writing results: no faster than they are read, and without complaint when the reader goes away. */
import { once } from 'node:events';

/** Writes lines to stdout; resolves when there is room for more. */
export async function printLines(lines: readonly string[]): Promise<void> {
  const { stdout } = process;
  if (lines.length > 0 && !stdout.write(lines.map((line) => `${line}\n`).join(''))) await once(stdout, 'drain');
}

/**
 * `emotune predict … | head`: a reader who has seen enough is no error. What is only told on stderr may go unread
 * without ending the work. A command with something to finish first listens to SIGPIPE.
 */
export function exitWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    if (!process.emit('SIGPIPE', 'SIGPIPE')) process.exit(0);
  });
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
