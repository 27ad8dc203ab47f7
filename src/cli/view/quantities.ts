/** Numbers as people read them. */

import { threeDigits } from '../../core/quantities.ts';

export { formatBytes, formatCount } from '../../core/quantities.ts';

/** `4.2 s`, `1:07 min`, `2:03:09 h` */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)} h` : `${minutes}:${two(rest)} min`;
}

/** `3,081` */
export const formatWhole = (n: number): string => Math.round(n).toLocaleString('en-US');

/** `1.07 %` of a whole. */
export const formatShare = (part: number, whole: number): string => `${threeDigits((100 * part) / whole)} %`;

/** `2.00e-3` below a thousandth, else up to three digits. */
export const formatRate = (rate: number): string =>
  rate === 0 ? '0' : rate < 1e-3 ? rate.toExponential(2) : String(Number(rate.toPrecision(3)));

/** `1 text`, `2 texts` */
export const plural = (n: number, noun: string): string => `${formatWhole(n)} ${noun}${n === 1 ? '' : 's'}`;
