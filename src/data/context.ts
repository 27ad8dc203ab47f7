import { quoted } from '../core/quoted.ts';
import type { Turn } from '../text/prompt.ts';
import { cleanTurns } from './clean.ts';

/**
 * The turns in a cell: a JSON array of strings or of `{"role": …, "text": …}`, or its text; nothing means none.
 * Texts are cleaned, and empty turns left out.
 *
 * @returns the turns, or why the cell cannot be read.
 */
export function readTurns(cell: unknown): readonly Turn[] | string {
  if (cell === undefined || cell === null || cell === '') return [];
  const value = typeof cell === 'string' ? parsed(cell) : cell;
  if (!Array.isArray(value) || !value.every(isTurn))
    return `context ${quoted(cell)} is not a JSON array of texts or of {"role": …, "text": …}`;
  return cleanTurns(
    value.map((turn: string | Turn) => {
      const { role, text }: Turn = typeof turn === 'string' ? { text: turn } : turn;
      return role === undefined ? { text } : { role, text };
    }),
  );
}

function parsed(cell: string): unknown {
  try {
    return JSON.parse(cell);
  } catch {
    return undefined;
  }
}

function isTurn(value: unknown): value is string | Turn {
  if (typeof value === 'string') return true;
  if (typeof value !== 'object' || value === null) return false;
  const { role, text } = value as Readonly<Record<string, unknown>>;
  return typeof text === 'string' && (role === undefined || typeof role === 'string');
}

/** The last turns of the dialogue that is being read, row by row. */
export class DialogueMemory {
  readonly #size: number;
  #dialogue: string | undefined;
  #turns: Turn[] = [];

  /** @param size how many turns are remembered. */
  constructor(size: number) {
    this.#size = size;
  }

  /** The turns before this one, which is remembered; another dialogue starts anew. */
  before(dialogue: string, text: string): readonly Turn[] {
    if (dialogue !== this.#dialogue || dialogue === '') this.#turns = [];
    this.#dialogue = dialogue;
    const before = [...this.#turns];
    if (text !== '') this.#turns.push({ text });
    if (this.#turns.length > this.#size) this.#turns.shift();
    return before;
  }
}
