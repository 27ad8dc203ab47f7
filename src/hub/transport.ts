/** Requests over an unreliable network: tries again, waits when asked to, follows redirects without handing on the token. */
import { HubError } from '../core/errors.ts';
import type { Hub } from './options.ts';

/** One request; made anew for every try. */
export interface HubRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Whether the Hub's token goes along: to the endpoint's own origin alone, whoever gave the address. */
  readonly withToken?: boolean;
}

/** What an exchange is given: how to ask, and what to do with the answer. */
export interface Exchange<T> {
  request(): HubRequest;
  /** Reads the answer. A {@link Transient} that it throws leads to another try. */
  read(answer: Answer): Promise<T>;
}

/** An answer that is neither a redirect nor a reason to try again. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Throws {@link Transient} if the connection breaks or stalls. */
  body(): AsyncIterable<Uint8Array>;
  /** Tells that this try has brought something new: the count of failures starts again. */
  progressed(): void;
}

/** A fault that may be gone at the next try. */
export class Transient extends Error {
  readonly waitMs: number | undefined;
  constructor(message: string, options: { readonly waitMs?: number | undefined; readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.waitMs = options.waitMs;
  }
}

const firstWaitMs = 1000;
const longestWaitMs = 30_000;
/** Who is asked to wait longer than this is told so instead. */
const longestAskedMs = 120_000;
const maxRedirects = 10;

/**
 * Asks until there is an answer: after a broken connection, 408, 429 and 5xx it waits (1, 2, 4 … at most 30 seconds, or
 * what Retry-After says, at most two minutes) and tries again.
 *
 * @throws HubError if the tries are used up, or the server asks for more patience than there is.
 * @throws the signal's reason once it is aborted.
 */
export async function exchange<T>(hub: Hub, { request, read }: Exchange<T>): Promise<T> {
  const { patience, signal } = hub;
  for (let failures = 0; ; ) {
    signal?.throwIfAborted();
    const asked = request();
    try {
      return await attempt(hub, asked, (answer) =>
        read({
          ...answer,
          progressed() {
            failures = 0;
          },
        }),
      );
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Transient)) throw error;
      failures++;
      const waitMs = error.waitMs ?? Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - 1));
      if (failures >= patience.attempts) throw givenUp(asked.url, error, failures);
      if (waitMs > longestAskedMs)
        throw new HubError(
          `${shown(asked.url)}: ${error.message}, and asks to wait ${Math.ceil(waitMs / 1000)} s: try again after that`,
        );
      hub.notice(
        `${shown(asked.url)}: ${error.message}; trying again in ${Math.ceil(waitMs / 1000)} s (${failures} of ${patience.attempts - 1})`,
      );
      await patience.wait(waitMs, signal);
    }
  }
}

function givenUp(url: string, { message, cause }: Transient, tries: number): HubError {
  const often = tries === 1 ? '' : `, ${tries} times`;
  return new HubError(`${shown(url)}: ${message}${often}; check the connection and run it again`, { cause });
}

type Read<T> = (answer: Omit<Answer, 'progressed'>) => Promise<T>;

async function attempt<T>(hub: Hub, request: HubRequest, read: Read<T>): Promise<T> {
  const watch = stallWatch(hub);
  try {
    const { body } = request;
    const isStream = typeof body === 'object' && Symbol.asyncIterator in body;
    const sent = isStream ? { ...request, body: watch.sending(body) } : request;
    const response = await watch.within(() => follow(hub, sent, watch.signal));
    const { status, headers } = response;
    if (status === 408 || status === 429 || status >= 500) {
      await response.body?.cancel().catch(() => {});
      throw new Transient(`the server answered ${status}`, { waitMs: askedWait(headers) });
    }
    return await read({ status, headers, body: () => watch.chunks(response) });
  } finally {
    watch.end();
  }
}

/** Aborts what moves nothing for too long, or what the user has aborted. */
function stallWatch({ patience: { stallMs }, signal }: Hub) {
  const controller = new AbortController();
  const signals = signal ? AbortSignal.any([controller.signal, signal]) : controller.signal;
  let timer: NodeJS.Timeout | undefined;
  const within = async <T>(work: () => Promise<T>): Promise<T> => {
    timer = setTimeout(() => controller.abort(), stallMs);
    try {
      return await work();
    } catch (error) {
      if (controller.signal.aborted) throw new Transient(`nothing came for ${stallMs / 1000} s`);
      throw error instanceof HubError
        ? error
        : new Transient(`the connection failed (${reason(error)})`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    signal: signals,
    within,
    async *chunks({ body }: Response): AsyncGenerator<Uint8Array, void> {
      const reader = body?.getReader();
      for (;;) {
        const { done, value } = (await within(async () => reader?.read())) ?? { done: true };
        if (done) return;
        yield value!;
      }
    },
    /** A body that is being sent: as long as it is asked for more, the connection lives. */
    async *sending(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
      for await (const chunk of body) {
        timer?.refresh();
        yield chunk;
      }
      timer?.refresh();
    },
    /** Gives the connection up, where the answer was not read to its end. */
    end: () => controller.abort(),
  };
}

async function follow(hub: Hub, request: HubRequest, signal: AbortSignal): Promise<Response> {
  const { method = 'GET', headers, body, withToken = false } = request;
  let { url } = request;
  let token = withToken && isAtEndpoint(hub, url) ? hub.token : undefined;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal,
      headers: {
        // Sizes and hashes are those of the plain bytes.
        'accept-encoding': 'identity',
        'user-agent': 'emotune',
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body, duplex: 'half' }),
    } as RequestInit);
    const next = redirectOf(response, { url, method });
    if (!next) return response;
    await response.body?.cancel();
    // Once away from the host it is for, the token stays away.
    if (next.origin !== new URL(url).origin) token = undefined;
    url = next.href;
  }
  throw new HubError(`${shown(request.url)}: more than ${maxRedirects} redirects; check the address`);
}

/** Whether an address is the Hub's own, and may see the token. */
export const isAtEndpoint = ({ endpoint }: Hub, url: string): boolean =>
  new URL(url).origin === new URL(endpoint).origin;

/** Where a redirect leads; undefined for any other answer. */
function redirectOf(
  { status, headers }: Response,
  from: { readonly url: string; readonly method: string },
): URL | undefined {
  const location = headers.get('location');
  if (![301, 302, 303, 307, 308].includes(status) || location === null) return undefined;
  const refuse = (why: string) => new HubError(`${shown(from.url)}: redirects ${why}; check the address`);
  if (!URL.canParse(location, from.url)) throw refuse('to what is no address');
  const next = new URL(location, from.url);
  const secure = new URL(from.url).protocol === 'https:';
  if (next.protocol !== 'https:' && (secure || next.protocol !== 'http:'))
    throw refuse(`to ${next.protocol}, which is not safe`);
  if (from.method !== 'GET' && status < 307)
    throw refuse(`a ${from.method} with ${status} (was the repository renamed? it is now ${shown(next.href)})`);
  return next;
}

/** Retry-After in seconds or as a date; else the `t` of the Hub's RateLimit header. */
function askedWait(headers: Headers): number | undefined {
  const after = headers.get('retry-after');
  if (after !== null && /^\s*\d+\s*$/.test(after)) return Number(after) * 1000;
  const date = after === null ? Number.NaN : Date.parse(after);
  if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
  const reset = /;\s*t=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1];
  return reset === undefined ? undefined : Number(reset) * 1000;
}

/** Address without its query, which may hold a signature. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** `ECONNREFUSED`, `other side closed`: what fetch hides in the causes of its error. */
function reason(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
    if (at.cause === undefined) return at.message;
  }
  return String(error);
}
