/** Texts that were found, for a file and for a person. */
import { type Example, type Examples, readAt } from '../data/example.ts';
import { columnsOf, cutTo } from './terminal.ts';

/** What was found, each with its example. */
export async function* withExamples<T extends { readonly place: number }>(
  found: readonly T[],
  examples: Examples,
): AsyncGenerator<readonly [T, Example], void> {
  const places = Uint32Array.from(found, ({ place }) => place);
  let i = 0;
  for await (const example of readAt(examples, places)) yield [found[i++]!, example];
}

/** `  0.97  joy, not sadness  Great, the train is late again.`, as much of it as a line holds. */
export function foundLine(size: number, words: string, text: string): string {
  const head = `  ${size.toFixed(2)}  ${words}  `;
  return head + cutTo(text.replace(/\s+/g, ' '), Math.max(20, columnsOf(process.stdout, 120) - head.length));
}
