/** How the Hub names the bytes of a file. */
import { createHash } from 'node:crypto';

/** Large files go by SHA-256, small ones by git's blob id. */
export interface Digest {
  readonly kind: 'sha256' | 'git-sha1';
  /** Lower-case hexadecimal. */
  readonly hex: string;
}

export interface RunningDigest {
  update(bytes: Uint8Array): void;
  /** To be asked once. */
  hex(): string;
}

/**
 * Starts a digest of a file.
 *
 *     sha256:   SHA-256 of its bytes
 *     git-sha1: SHA-1 of "blob <size>\0" and its bytes (git hash-object)
 */
export function startDigest(kind: Digest['kind'], size: number | undefined): RunningDigest {
  const hash = createHash(kind === 'sha256' ? 'sha256' : 'sha1');
  if (kind === 'git-sha1') hash.update(`blob ${size}\0`);
  return {
    update(bytes) {
      hash.update(bytes);
    },
    hex: () => hash.digest('hex'),
  };
}
