/** Numbers as people read them. */

import { threeDigits } from '../../core/quantities.ts';

export { formatBytes, formatCount, formatDuration, formatStep } from '../../core/quantities.ts';

/** `3,081` */
export const formatWhole = (n: number): string => Math.round(n).toLocaleString('en-US');

/** `1.07 %` of a whole. */
export const formatShare = (part: number, whole: number): string => `${threeDigits((100 * part) / whole)} %`;

/** `2.00e-3` below a thousandth, else up to three digits. */
export const formatRate = (rate: number): string =>
  rate === 0 ? '0' : rate < 1e-3 ? rate.toExponential(2) : String(Number(rate.toPrecision(3)));

/** `1 text`, `2 texts` */
export const plural = (n: number, noun: string): string => `${formatWhole(n)} ${noun}${n === 1 ? '' : 's'}`;
