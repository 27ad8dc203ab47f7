/** The look of pages. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --card: #ffffff; --ink: #1d1c1a; --soft: #66625c; --line: #e4e0d9; --accent: #b4532a; --tint: #f0c9b4;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #161514; --card: #1f1e1c; --ink: #ece9e4; --soft: #a39e96; --line: #35322e; --accent: #f0976a; --tint: #5b3421; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
header, main, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 0 0 .75rem; }
header p { color: var(--soft); margin: 0 0 1rem; }
p { overflow-wrap: anywhere; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; font-size: .875rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; margin: 1.25rem 0; }
dl { display: grid; gap: .375rem; margin: 0 0 1rem; }
dl > div { display: grid; grid-template-columns: minmax(6rem, 9rem) 1fr; gap: 1rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
.figures { list-style: none; display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 0 0 1.25rem; padding: 0; color: var(--soft); font-size: .875rem; }
.figures b { display: block; color: var(--ink); font-size: 1.5rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1.25rem; }
.scroll { overflow-x: auto; }
figure:last-child, dl:last-child, .figures:last-child, section > p:last-child { margin-bottom: 0; }
.scroll:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
figcaption { color: var(--soft); font-size: .875rem; padding-bottom: .375rem; }
th, td { padding: .3125rem .75rem .3125rem 0; border-bottom: 1px solid var(--line); vertical-align: top; text-align: left; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child > * { border-bottom: 0; }
th { font-weight: 500; }
tbody th { position: sticky; left: 0; background: var(--card); }
thead th { color: var(--soft); font-weight: 400; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
.text { min-width: 6rem; overflow-wrap: anywhere; }
.bar, .shade { display: inline-block; min-width: 5.5rem; padding: 0 .375rem; border-radius: 3px; }
.bar { background: linear-gradient(var(--tint), var(--tint)) 0 0 / calc(var(--share) * 100%) 100% no-repeat; }
.shade { min-width: 2.75rem; background: color-mix(in srgb, var(--accent) calc(var(--share) * 60%), transparent); }
q { quotes: none; white-space: pre-wrap; unicode-bidi: isolate; }
.soft { color: var(--soft); font-size: .875rem; }
footer { color: var(--soft); font-size: .875rem; padding-bottom: 2rem; }
@media (max-width: 40rem) {
  dl > div { grid-template-columns: 1fr; gap: 0; }
  section { padding: 1rem; margin: 1rem -.25rem; }
  .bar { min-width: 3.75rem; }
}
@media print { section { break-inside: avoid; } nav { display: none; } }
`;
