/**
 * The errors a caller can tell apart. Each message says what went wrong, with which values, where, and the way out.
 * A message that starts with `internal:` is a bug of ours.
 */

/** Base of every error emotune throws on purpose. `exitCode` is what the command line exits with. */
export abstract class EmotuneError extends Error {
  abstract readonly exitCode: number;
  override get name(): string {
    return this.constructor.name;
  }
}

/** A setting, flag or argument that cannot be used. */
export class ConfigError extends EmotuneError {
  readonly exitCode = 2;
}

/** A dataset, row, column or label that cannot be used. */
export class DataError extends EmotuneError {
  readonly exitCode = 3;
}

/** A checkpoint, adapter or saved run that is missing, damaged or does not fit. */
export class CheckpointError extends EmotuneError {
  readonly exitCode = 4;
}

/** Shapes or types that do not fit together, found while a graph is built. */
export class ShapeError extends EmotuneError {
  readonly exitCode = 70;
}

/** Training cannot go on (a loss that is not a number). */
export class TrainingError extends EmotuneError {
  readonly exitCode = 5;
}

/** The Hub or the network: not reachable, no access, or not the bytes that were announced. */
export class HubError extends EmotuneError {
  readonly exitCode = 6;
}

/** The inference runtime failed. */
export class RuntimeFailure extends EmotuneError {
  readonly exitCode = 70;
}

/** What a schema found wrong, in one line: `rank: must be 1 or more; base: missing`. */
export const showIssues = (
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string =>
  issues
    .map(({ path, message }) => (path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message))
    .join('; ');

/** For states that cannot happen unless emotune itself is wrong. */
export function internal(message: string): never {
  throw new Error(`internal: ${message}`);
}
