const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;

/** A bar of `width` columns, `share` of it filled, to an eighth of a column. */
export function progressBar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const bar = '█'.repeat(filled >> 3) + eighths[filled & 7]!;
  return bar.padEnd(width, '░');
}
