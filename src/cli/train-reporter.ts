/** Ways to follow a training: drawn, as lines, as JSON, or not at all. */
import { peakMemoryBytes } from '../runtime/memory.ts';
import type { TrainEvent } from '../train/events.ts';
import { openLiveBlock } from './live-block.ts';
import { columnsOf, styleFor } from './terminal.ts';
import { trainHeader } from './view/train-header.ts';
import { cachingLine, evaluationLine, fetchingLine, noticeLines, roundingLine, stepLine } from './view/train-lines.ts';
import { trainLive } from './view/train-live.ts';
import { initialState, type TrainState } from './view/train-state.ts';

export interface Reporter {
  event(event: TrainEvent, state: TrainState): void;
  /** The base is being fetched. */
  fetching(doneBytes: number, totalBytes: number): void;
  /** The base's weights are being rounded. */
  rounding(doneBytes: number, totalBytes: number): void;
  /** The frozen layers are being computed. */
  caching(doneTokens: number, totalTokens: number): void;
  /** Something to be told that is no event. */
  note(line: string): void;
  /** The user has asked to stop. */
  stopping(): void;
  close(): void;
}

export interface ReporterOptions {
  readonly json?: boolean;
  readonly plain?: boolean;
  readonly quiet?: boolean;
}

/**
 * Progress goes to stderr, so that what stdout holds is the result; but `--json` is for programs and goes to stdout.
 *
 * @param print lines to stdout.
 */
export function openReporter(
  { json, plain, quiet }: ReporterOptions,
  print: (lines: readonly string[]) => void,
): Reporter {
  if (json) return jsonReporter(print);
  if (quiet) return quietReporter();
  return plain || !process.stderr.isTTY ? linesReporter() : liveReporter();
}

const stoppingNotice = 'stopping after this step … (Ctrl-C again: stop now)';
const writeNotice = () => process.stderr.write(`${stoppingNotice}\n`);
const writeNote = (line: string) => process.stderr.write(`${line}\n`);
const nothing = () => {};

const jsonReporter = (print: (lines: readonly string[]) => void): Reporter => ({
  event: (event) => print([JSON.stringify(event)]),
  fetching: nothing,
  rounding: nothing,
  caching: nothing,
  note: writeNote,
  stopping: nothing,
  close: nothing,
});

const quietReporter = (): Reporter => ({
  event(event) {
    if (event.type === 'warning') process.stderr.write(`${noticeLines(event).join('\n')}\n`);
  },
  fetching: nothing,
  rounding: nothing,
  caching: nothing,
  note: writeNote,
  stopping: writeNotice,
  close: nothing,
});

/** A step's line comes when both this time has passed and this share of the steps is done, or after a minute. */
const linesEvery = { seconds: 2, share: 0.05, atMostSeconds: 60 };

function linesReporter(): Reporter {
  const write = (line: string) => process.stderr.write(`${line}\n`);
  const style = styleFor(process.stderr);
  let shown = { step: 0, at: 0 };
  /** A line for every tenth of something that is prepared. */
  const byTenths = (lineOf: (done: number, total: number) => string) => {
    let tenths = -1;
    return (done: number, total: number) => {
      const reached = Math.floor((10 * done) / total);
      if (reached > tenths) write(lineOf(done, total));
      tenths = Math.max(tenths, reached);
    };
  };
  const isDue = (step: number, steps: number): boolean => {
    const seconds = (performance.now() - shown.at) / 1000;
    const rarely = seconds >= linesEvery.seconds && step - shown.step >= linesEvery.share * steps;
    return shown.step === 0 || step === steps || rarely || seconds >= linesEvery.atMostSeconds;
  };
  return {
    event(event, state) {
      if (event.type === 'started') {
        for (const line of trainHeader(event, { width: columnsOf(process.stderr, 120), style })) write(line);
        write('');
      } else if (event.type === 'step' && isDue(event.step, state.plan?.steps ?? 0)) {
        write(stepLine(state));
        shown = { step: event.step, at: performance.now() };
      } else if (event.type === 'evaluated') write(evaluationLine(event));
      else for (const line of noticeLines(event)) write(style.yellow(line));
    },
    fetching: byTenths(fetchingLine),
    rounding: byTenths(roundingLine),
    caching: byTenths(cachingLine),
    note: (line) => write(style.yellow(line)),
    stopping: writeNotice,
    close: nothing,
  };
}

const drawEveryMs = 100;
/** Without events, for the clock. */
const refreshMs = 500;

function liveReporter(): Reporter {
  const { stderr } = process;
  const style = styleFor(stderr);
  const block = openLiveBlock(stderr);
  const since = performance.now();
  let state: TrainState = initialState;
  let notice: string | undefined;
  let preparing: string | undefined;
  let drawnAt = Number.NEGATIVE_INFINITY;
  const draw = () => {
    drawnAt = performance.now();
    block.draw(
      trainLive(state, {
        width: Math.max(40, columnsOf(stderr)) - 1,
        rows: (stderr.rows || 24) - 1,
        style,
        elapsedSeconds: (drawnAt - since) / 1000,
        memory: { current: process.memoryUsage.rss(), peak: peakMemoryBytes() },
        notice,
        preparing,
      }),
    );
  };
  const prepare = (line: string) => {
    preparing = line;
    if (performance.now() - drawnAt >= drawEveryMs) draw();
  };
  const timer = setInterval(draw, refreshMs);
  stderr.on('resize', draw);
  draw();
  return {
    event(event, after) {
      state = after;
      if (event.type === 'started') block.print([...trainHeader(event, { width: columnsOf(stderr) - 1, style }), '']);
      const notices = noticeLines(event);
      if (notices.length > 0) block.print(notices.map(style.yellow));
      if (event.type !== 'step' || performance.now() - drawnAt >= drawEveryMs) draw();
    },
    fetching: (done, total) => prepare(fetchingLine(done, total)),
    rounding: (done, total) => prepare(roundingLine(done, total)),
    caching: (done, total) => prepare(cachingLine(done, total)),
    note: (line) => block.print([style.yellow(line)]),
    stopping() {
      notice = style.yellow(stoppingNotice);
      draw();
    },
    close() {
      clearInterval(timer);
      stderr.off('resize', draw);
      draw();
      block.close();
      stderr.write('\n');
    },
  };
}
