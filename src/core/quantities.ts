/** Sizes and times as people read them, in messages and on the screen. */

/** `842`, `12.3 k`, `6.35 M`, `8.03 G` */
export function formatCount(n: number): string {
  const step = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ].find(([size]) => n >= (size as number)) as [number, string] | undefined;
  return step ? `${threeDigits(n / step[0])} ${step[1]}` : String(Math.round(n));
}

/** `786 MB`, `1.60 GB`: powers of ten. */
export function formatBytes(bytes: number): string {
  return bytes < 1e3 ? `${bytes} B` : `${formatCount(bytes)}B`;
}

/** `4.2 s`, `1:07 min`, `2:03:09 h` */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number): string => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)} h` : `${minutes}:${two(rest)} min`;
}

/** `842 ms`, from a second on as {@link formatDuration}. */
export const formatStep = (seconds: number): string =>
  seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : formatDuration(seconds);

/** `1.07`, `12.3`, `786` */
export const threeDigits = (n: number): string => (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
