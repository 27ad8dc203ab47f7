/** The block of a running training that is drawn again and again. */
import { lossCurve } from './loss-curve.ts';
import { progressBar } from './progress-bar.ts';
import { formatBytes, formatDuration, formatRate, formatWhole } from './quantities.ts';
import { scoreTable } from './score-table.ts';
import type { ViewOptions } from './train-header.ts';
import { curvePoints, secondsLeft, speed, type TrainState } from './train-state.ts';

export interface LiveOptions extends ViewOptions {
  /** Lines the block may take. */
  readonly rows: number;
  readonly elapsedSeconds: number;
  readonly memory: { readonly current: number; readonly peak: number };
  /** What to say in place of the time left, such as that the run is stopping. */
  readonly notice?: string | undefined;
  /** What is said before the run starts, such as how much of its base is fetched. */
  readonly preparing?: string | undefined;
}

const curveHeight = 8;

/** Progress, loss curve and validation results; on a low terminal the curve goes first, then the older results. */
export function trainLive(state: TrainState, options: LiveOptions): string[] {
  const progress = progressLines(state, options);
  const scores = scoreTable(state.validations, options.width);
  const room = options.rows - progress.length;
  const curve = room >= curveHeight + 2 + Math.min(scores.length, 4) ? curveLines(state, options) : [];
  const left = Math.max(0, room - curve.length);
  const shown = scores.length <= left ? scores : [...scores.slice(0, 1), ...scores.slice(1).slice(1 - left)];
  return [...progress, ...curve, ...shown.slice(0, left).map((line) => highlightBest(line, options))];
}

function progressLines(state: TrainState, options: LiveOptions): string[] {
  const { plan, last } = state;
  const { width, style, memory, elapsedSeconds } = options;
  if (!plan)
    return [style.dim(`${options.preparing ?? 'reading the model and the data'} … ${formatDuration(elapsedSeconds)}`)];
  if (plan.model !== undefined) return [style.dim(`${plan.model} … ${formatDuration(elapsedSeconds)}`)];
  const share = (last?.step ?? 0) / plan.steps;
  const counter = ` ${String(Math.floor(100 * share)).padStart(3)} %  step ${last?.step ?? 0}/${plan.steps}`;
  const bar = style.cyan(progressBar(share, Math.max(4, width - counter.length)));
  const { loss } = state;
  const now = speed(state);
  const left = secondsLeft(state);
  const facts = [
    `epoch ${(last?.epoch ?? 0).toFixed(2)}/${plan.epochs}`,
    loss === undefined ? [] : `loss ${loss.toFixed(3)}`,
    last ? `lr ${formatRate(last.learningRate)}` : [],
    now ? `${formatWhole(now.tokensPerSecond)} tokens/s` : [],
    `memory ${formatBytes(memory.current)} (peak ${formatBytes(memory.peak)})`,
    `elapsed ${formatDuration(elapsedSeconds)}`,
    options.notice ?? (left === undefined || state.result ? [] : `left ${formatDuration(left)}`),
  ].flat();
  return [bar + counter, ...flow(facts, width)];
}

/** Facts side by side, on as many lines as they need. */
function flow(facts: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const longer = lines.length > 0 ? `${lines.at(-1)}   ${fact}` : undefined;
    if (longer !== undefined && longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(fact.slice(0, width));
  }
  return lines;
}

function curveLines({ curve, plan }: TrainState, { width, style }: LiveOptions): string[] {
  if (curve.length < 2 || !plan) return [];
  const lines = lossCurve(curve, { width, height: curveHeight, total: curvePoints(plan) });
  return [style.dim('  loss'), ...lines.map((line) => style.dim(line.slice(0, 8)) + style.green(line.slice(8))), ''];
}

const highlightBest = (line: string, { style }: ViewOptions): string =>
  line.startsWith('epoch') ? style.dim(line) : line.includes('*') ? style.bold(line) : line;
