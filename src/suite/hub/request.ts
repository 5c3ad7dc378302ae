// One request to the hub, done with patience: redirects followed by hand so that the token stays with its host, failures that pass told from
// those that do not, waits as the server asks. How long to wait is the caller's clock, so that tests do not wait.
import { Interruption, interruptionOf, orAborted, PASSING_STATUSES, retryAfterMs, shownUrl } from '../../data/web-failures.ts';
import { DataError, InputError, NotFoundError, TransientError } from '../../errors.ts';

export interface HubAccess {
  /** The hub or a mirror of it, without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | undefined;
  /** The cache that Hugging Face's own tools share. */
  readonly cacheFolder: string;
  /** Nothing is fetched: only what the cache holds is used. */
  readonly isOffline: boolean;
}

export interface HubClient {
  readonly access: HubAccess;
  /** Attempts after the first that bring nothing before it is given up. */
  readonly retries: number;
  readonly signal: AbortSignal;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Is told in words what is waited for. */
  readonly onWait: (words: string) => void;
}

export interface Opened {
  readonly response: Response;
  /** What the hub itself says of the file before it sends one elsewhere, without quotes; undefined when it says nothing. */
  readonly etag: string | undefined;
  readonly linkedSize: number | undefined;
}

const MOST_REDIRECTS = 10;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 120_000;

/**
 * Sends one GET and returns the answer with its body still to be read. Throws Interruption for what may pass, InputError and NotFoundError, with
 * what to do, for refusals; `what` names the thing in these words. Undici's own limits end a silent connection (300 s).
 */
export async function open(
  { access, signal }: Pick<HubClient, 'access' | 'signal'>,
  url: string,
  headers: Readonly<Record<string, string>>,
  what: string,
): Promise<Opened> {
  let address = new URL(url);
  let first: Headers | undefined;
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await send(address, { ...headers, ...authorization(access, address) }, signal);
    first ??= response.headers;
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (response.ok) return { response, ...factsOf(first) };
      discard(response);
      throw refusal(response, address, what, access);
    }
    discard(response);
    const next = new URL(location, address);
    if (next.protocol !== address.protocol && next.protocol !== 'https:') {
      throw new DataError(`${shownUrl(address.href)}: expected a redirect to https, found one to ${shownUrl(next.href)}; it is not followed`);
    }
    address = next;
  }
  throw new DataError(`${shownUrl(url)}: expected an answer, found more than ${MOST_REDIRECTS} redirects`);
}

/** Runs `attempt` until it succeeds; only Interruptions are tried again, and those with progress between them without end. */
export async function withRetries<T>(
  { retries, signal, sleep, onWait }: HubClient,
  attempt: () => Promise<T>,
  progress: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  let reached = progress();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Interruption)) throw error;
      failures = progress() > reached ? 1 : failures + 1;
      reached = progress();
      if (failures > retries) throw error;
      const waitMs = error.waitMs ?? FIRST_WAIT_MS * 2 ** (failures - 1);
      if (waitMs > LONGEST_WAIT_MS) {
        const seconds = Math.ceil(waitMs / 1000);
        throw new TransientError(`${error.message}; the server asks to wait ${seconds} s: try again then`, {
          cause: error,
        });
      }
      onWait(`${error.message}; again in ${Math.ceil(waitMs / 1000)} s`);
      await sleep(waitMs, signal);
    }
  }
}

/** Reads a body piece by piece; a connection that is cut throws Interruption, and an abort its reason. */
export async function* readBody(response: Response, url: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await orAborted(reader.read(), signal).catch((error: unknown) => {
        throw interrupted(new URL(url), error, signal);
      });
      if (done) return;
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => undefined); // a stream that broke cannot be cancelled, and need not be; not waited for either
  }
}

/** Gives up an answer whose body is not wanted. */
export function discard(response: Response): void {
  void response.body?.cancel().catch(() => undefined); // not waited for: see orAborted
}

/** The header that lets the hub's own origin, and no other, see the token. */
export function authorization({ token, endpoint }: Pick<HubAccess, 'token' | 'endpoint'>, url: URL): Record<string, string> {
  return token !== undefined && url.origin === new URL(endpoint).origin ? { authorization: `Bearer ${token}` } : {};
}

async function send(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await orAborted(fetch(url, { headers, signal, redirect: 'manual' }), signal);
  } catch (error) {
    throw interrupted(url, error, signal);
  }
}

function interrupted(url: URL, error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? signal.reason : interruptionOf(url.href, error);
}

function factsOf(headers: Headers): Pick<Opened, 'etag' | 'linkedSize'> {
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag'))?.replace(/^W\//, '').replaceAll('"', '');
  const size = headers.get('x-linked-size');
  return { etag, linkedSize: size === null ? undefined : Number(size) };
}

function refusal(response: Response, url: URL, what: string, { token }: HubAccess): Error {
  const { status, headers } = response;
  const code = headers.get('x-error-code') ?? '';
  const where = `${what} (${shownUrl(url.href)} answered ${status})`;
  if (PASSING_STATUSES.has(status)) return new Interruption(where, { waitMs: retryAfterMs(headers) });
  if (code === 'GatedRepo') {
    return new InputError(
      `${where}: the repository is gated: accept its terms on its page, then set HF_TOKEN to a token of that account`,
    );
  }
  if (code === 'RevisionNotFound') return new NotFoundError(`${where}: the repository has no such revision`);
  if (code === 'EntryNotFound') return new NotFoundError(`${where}: the revision has no such file`);
  // The hub answers 401 for a repository that does not exist when no token comes along.
  if (status === 401 || status === 403) {
    const advice = token === undefined ? 'set HF_TOKEN to a token that may read it' : 'the token of HF_TOKEN may not read it';
    return new InputError(`${where}: the repository does not exist or is private: ${advice}`);
  }
  if (status === 404) return new NotFoundError(`${where}: there is no such repository or file`);
  return new DataError(`${where}: expected a success; is the endpoint a hub?`);
}
