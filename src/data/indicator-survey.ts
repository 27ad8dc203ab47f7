import { quoted } from '../core/quoted.ts';
import type { Row } from './rows.ts';

/** What a column holds: how often 0 or 1, how often something else, and where that is first. */
interface Held {
  binary: number;
  others: number;
  first: string;
}

/** How many cells that are 0 or 1 stand against one that is not before a column looks like one of indicators with errors in it. */
const mostly = 10;

/** Looks which columns hold 0, 1 or nothing. */
export class IndicatorSurvey {
  readonly #columns = new Map<string, Held>();

  add({ file, line, cells }: Row): void {
    for (const name in cells) {
      const held = this.#columns.get(name) ?? { binary: 0, others: 0, first: '' };
      if (held.binary + held.others === 0) this.#columns.set(name, held);
      if (held.others > mostly && held.others > held.binary) continue; // a column of texts: not worth looking further
      const cell = cells[name];
      const text = typeof cell === 'object' && cell !== null ? undefined : String(cell ?? '').trim();
      if (text === '0' || text === '1') held.binary++;
      else if (text !== '' && held.others++ === 0) held.first = `${quoted(cell)} at ${file}:${line}`;
    }
  }

  /** Whether there are rows, and none holds anything but 0, 1 or nothing there. */
  isIndicator(column: string): boolean {
    return this.#columns.get(column)?.others === 0;
  }

  /** Columns that would be indicators but for a few cells, in words: they may be labels that are missing. */
  get almost(): string[] {
    return [...this.#columns].flatMap(([name, { binary, others, first }]) =>
      others > 0 && binary >= mostly * others
        ? [
            `column '${name}' holds 0 and 1 but for ${others} ${others === 1 ? 'cell' : 'cells'}, such as ${first}: it is not taken for a label; correct the cells, or name it in labelColumns`,
          ]
        : [],
    );
  }
}
