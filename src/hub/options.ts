/** How the Hub is reached, and where what it gave is kept. */
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../core/errors.ts';
import { freeDiskBytes } from '../runtime/disk.ts';

/** Everything optional: without any of it, public repositories are fetched from huggingface.co. */
export interface HubOptions {
  /** Default: https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /** The cache, in the layout of huggingface_hub. Default: `~/.cache/huggingface/hub`. */
  readonly cacheDir?: string | undefined;
  /** For private and gated repositories, and for uploads. Sent to the endpoint alone, never stored or shown. */
  readonly token?: string | undefined;
  /** Use what the cache holds, and ask nobody. */
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes there are, of all that are to be fetched or sent. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** A line for the user: a wait, another try, an older copy that is used. */
  readonly onNotice?: ((line: string) => void) | undefined;
  /** How patient the connection is. */
  readonly patience?: Partial<Patience> | undefined;
}

/** How faults of the connection are met. */
export interface Patience {
  /** Tries in a row that bring nothing new, before giving up. */
  readonly attempts: number;
  /** A try in which no byte moves for this long has failed. */
  readonly stallMs: number;
  /** Waits between tries. */
  readonly wait: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
  /** Bytes that may still be written in a folder. */
  readonly freeBytes: (folder: string) => Promise<number>;
}

/** {@link HubOptions} with the defaults filled in. */
export interface Hub
  extends Pick<HubOptions, 'token' | 'signal' | 'onProgress'>,
    Required<Pick<HubOptions, 'offline'>> {
  readonly endpoint: string;
  readonly cacheDir: string;
  readonly notice: (line: string) => void;
  readonly patience: Patience;
}

const patience: Patience = {
  attempts: 5,
  stallMs: 60_000,
  wait: async (ms, signal) => {
    await sleep(ms, undefined, signal ? { signal } : {});
  },
  freeBytes: freeDiskBytes,
};

/** @throws ConfigError if the endpoint or the token cannot be what it should be. */
export function hubFrom(options: HubOptions = {}): Hub {
  const { signal, onProgress, onNotice, offline, cacheDir } = options;
  return {
    endpoint: checkEndpoint(options.endpoint ?? 'https://huggingface.co'),
    cacheDir: cacheDir ?? join(homedir(), '.cache', 'huggingface', 'hub'),
    token: checkToken(options.token),
    offline: offline ?? false,
    signal,
    onProgress,
    notice: onNotice ?? (() => {}),
    patience: { ...patience, ...options.patience },
  };
}

/** Where what is computed once for all runs is kept: `emotune`, beside the Hub's cache. */
export const cacheFolder = (options: HubOptions = {}): string => join(dirname(hubFrom(options).cacheDir), 'emotune');

/**
 * What the variables that Hugging Face's own tools use say: HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_OFFLINE,
 * HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME. Without HF_TOKEN, the token that `hf auth login` stored is read.
 */
export async function hubFromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Pick<HubOptions, 'endpoint' | 'cacheDir' | 'token' | 'offline'>> {
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface');
  const stored = await readFile(env.HF_TOKEN_PATH || join(home, 'token'), 'utf8').catch(() => '');
  return {
    endpoint: env.HF_ENDPOINT || undefined,
    cacheDir: env.HF_HUB_CACHE || join(home, 'hub'),
    token: env.HF_TOKEN?.trim() || stored.trim() || undefined,
    offline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE ?? ''),
  };
}

function checkEndpoint(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return endpoint.replace(/\/+$/, '');
  throw new ConfigError(`the Hub's address '${endpoint}' is no http or https URL: correct HF_ENDPOINT`);
}

/** A token that no header can hold would be shown by the error of the one who tries. */
function checkToken(token: string | undefined): string | undefined {
  const trimmed = token?.trim();
  if (!trimmed) return undefined;
  if (/^[\x21-\x7e]+$/.test(trimmed)) return trimmed;
  throw new ConfigError('the token for the Hub has characters that no token has: copy it again');
}
