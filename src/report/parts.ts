/** What pages are made of. */
import { type Html, html } from './html.ts';

type Cell = string | number | Html | undefined;

interface TableOptions {
  readonly caption: string;
  /** Names of the columns; the first cell of a row names the row. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Columns of text, from 0; the others are numbers, which are set flush right. The first is always text. */
  readonly text?: readonly number[];
}

/** A table with a caption and headers of rows and columns, which scrolls on its own where it is too wide. */
export function table({ caption, head, rows, text = [] }: TableOptions): Html {
  const kind = (column: number): string => (column === 0 || text.includes(column) ? 'text' : 'number');
  const cell = (value: Cell, column: number): Html =>
    column === 0
      ? html`<th scope="row">${value}</th>`
      : html`<td class="${kind(column)}">${typeof value === 'number' ? whole(value) : value}</td>`;
  return html`<figure><figcaption>${caption}</figcaption>
<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table aria-label="${caption}">
<thead><tr>${head.map((name, column) => html`<th scope="col" class="${kind(column)}">${name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div></figure>
`;
}

/** A number with a bar behind it, as long as its share of the largest. */
export function bar(
  value: number,
  { of, shown = whole(value) }: { readonly of: number; readonly shown?: string },
): Html {
  const share = of > 0 ? Math.min(1, Math.max(0, value / of)) : 0;
  return html`<span class="bar" style="--share:${share.toFixed(4)}"><span>${shown}</span></span>`;
}

/** A number on a ground that is the deeper the larger its share is. */
export function shade(value: number, { of }: { readonly of: number }): Html {
  const share = of > 0 ? Math.min(1, Math.max(0, value / of)) : 0;
  return html`<span class="shade" style="--share:${share.toFixed(4)}">${whole(value)}</span>`;
}

/** Names and what is said of each. */
export const facts = (list: readonly (readonly [name: string, value: Cell])[]): Html =>
  html`<dl>${list.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>\n`)}</dl>
`;

/** Numbers that stand out, each under its name. */
export const figures = (list: readonly (readonly [name: string, value: string | number])[]): Html =>
  html`<ul class="figures">${list.map(([name, value]) => html`<li><b>${typeof value === 'number' ? whole(value) : value}</b> ${name}</li>\n`)}</ul>
`;

/** A text that someone wrote, whole, in its own direction of writing. */
export const quotation = (text: string): Html => html`<q dir="auto">${text}</q>`;

/** `3,081` */
export const whole = (n: number): string => n.toLocaleString('en-US');
