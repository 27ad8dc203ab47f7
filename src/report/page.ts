import { type Html, html } from './html.ts';
import { style } from './style.ts';

interface PageOptions {
  readonly title: string;
  /** One line below the title. */
  readonly lead?: string;
  readonly sections: readonly Section[];
}

export interface Section {
  readonly title: string;
  readonly body: readonly Html[];
}

/**
 * A page as one file: no script, and nothing that is fetched, which its own policy forbids. Light and dark by the
 * reader's setting, from 320 pixels on.
 */
export function page({ title, lead, sections }: PageOptions): string {
  const id = (k: number): string => `section-${k + 1}`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${{ markup: style }}</style>
</head>
<body>
<header><h1>${title}</h1>${lead === undefined ? undefined : html`<p>${lead}</p>`}
<nav aria-label="Sections">${sections.map((section, k) => html`<a href="#${id(k)}">${section.title}</a> `)}</nav></header>
<main>
${sections.map(
  (section, k) => html`<section id="${id(k)}">
<h2>${section.title}</h2>
${section.body}</section>
`,
)}</main>
<footer>Made by emotune.</footer>
</body>
</html>
`.markup;
}
