// Byte ranges of a file on a web server (RFC 9110, sections 14 and 13.1.5): every answer is held against what was asked for and against
// the first answer's size and ETag; what may pass is tried again. Brings the blocks of remote-file.ts here.
import { setTimeout as sleep } from 'node:timers/promises';
import { DataError, InputError, NotFoundError, TransientError } from '../errors.ts';
import { Interruption, interruptionOf, orAborted, PASSING_STATUSES, retryAfterMs, shownUrl } from './web-failures.ts';

export interface HttpAccess {
  /** Sent with every request, for example { authorization: 'Bearer …' }; never written to a file or a message. */
  readonly headers: Readonly<Record<string, string>>;
  /** Is told in words what went wrong and is tried again. */
  readonly report: (words: string) => void;
  readonly retry: RetrySettings;
}

export interface RetrySettings {
  readonly numTries: number;
  /** Wait before the second try; doubles each time. */
  readonly firstWaitMs: number;
  /** Longest wait; a server that asks for more is asked another day. */
  readonly mostWaitMs: number;
  /** One request and its answer may take so long. */
  readonly timeoutMs: number;
}

export const PATIENT: RetrySettings = { numTries: 7, firstWaitMs: 500, mostWaitMs: 120_000, timeoutMs: 120_000 };

/** What tells one version of a file from another. */
export interface FileIdentity {
  readonly url: string;
  readonly sizeBytes: number;
  /** The ETag as the server sends it, or "last-modified: …" where it sends none. */
  readonly version: string;
}

export interface RangeAnswer {
  readonly identity: FileIdentity;
  readonly bytes: Buffer;
}

/**
 * The bytes [offset, offset + length) of a URL; fewer only at the end of a file whose identity is not known yet. Throws DataError when
 * the server answers with another range, length or version (`known`) or with the whole file, TransientError when it stays out of reach,
 * InputError and NotFoundError for refusals.
 */
export async function fetchRange(
  url: string,
  offset: number,
  length: number,
  known: FileIdentity | undefined,
  access: HttpAccess,
  signal?: AbortSignal,
): Promise<RangeAnswer> {
  const { numTries, firstWaitMs, mostWaitMs } = access.retry;
  for (let tries = 1; ; tries++) {
    try {
      return await fetchOnce(url, offset, length, known, access, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof Interruption)) throw error;
      if (tries === numTries) {
        const words = `${error.message}; given up after ${numTries} tries: try again when the server and the connection are well`;
        throw new TransientError(words, { cause: error });
      }
      const waitMs = error.waitMs ?? Math.min(mostWaitMs, firstWaitMs * 2 ** (tries - 1));
      if (waitMs > mostWaitMs) {
        const words = `${error.message}; the server asks to wait ${Math.ceil(waitMs / 1000)} s: try again then`;
        throw new TransientError(words, { cause: error });
      }
      access.report(`${error.message}; try ${tries + 1} of ${numTries} in ${(waitMs / 1000).toFixed(1)} s`);
      await sleep(waitMs, undefined, { signal });
    }
  }
}

async function fetchOnce(
  url: string,
  offset: number,
  length: number,
  known: FileIdentity | undefined,
  { headers, retry }: HttpAccess,
  signal: AbortSignal | undefined,
): Promise<RangeAnswer> {
  const timeout = AbortSignal.timeout(retry.timeoutMs);
  const both = signal === undefined ? timeout : AbortSignal.any([timeout, signal]);
  const range = `bytes=${offset}-${offset + length - 1}`;
  let response: Response;
  try {
    const wanted = { ...headers, range, 'accept-encoding': 'identity', ...ifRange(known) };
    response = await orAborted(fetch(url, { headers: wanted, signal: both }), both);
  } catch (error) {
    throw interruptionOf(url, error);
  }
  try {
    checkStatus(response, url, range, known);
    const found = readContentRange(response, url, offset, length, known);
    const identity = { url, sizeBytes: found.sizeBytes, version: versionOf(response, url) };
    if (known !== undefined) checkSame(known, identity);
    return { identity, bytes: await readExactly(response, url, offset, found.length, both) };
  } finally {
    // A body that was read to its end is closed already; one that broke cannot be cancelled.
    if (!response.bodyUsed) await response.body?.cancel().catch(() => undefined);
  }
}

/** A changed file then answers whole (200), not in part; weak ETags may not be compared so (RFC 9110, 13.1.5). */
function ifRange(known: FileIdentity | undefined): Record<string, string> {
  return known?.version.startsWith('"') === true ? { 'if-range': known.version } : {};
}

function checkStatus(response: Response, url: string, range: string, known: FileIdentity | undefined): void {
  const { status, headers } = response;
  if (status === 206) return;
  const where = `${shownUrl(url)} (${range}) answered ${status}`;
  if (PASSING_STATUSES.has(status)) throw new Interruption(where, { waitMs: retryAfterMs(headers) });
  if (status === 200) {
    if (known !== undefined) {
      const length = Number(headers.get('content-length') ?? known.sizeBytes);
      checkSame(known, { url, sizeBytes: length, version: versionOf(response, url) });
    }
    throw new DataError(
      `${where}, the whole file: expected 206 and the bytes that were asked for; this server serves no ranges: ` +
        'download the files and name their folder instead',
    );
  }
  if (status === 401 || status === 403) {
    throw new InputError(`${where}: the file may not be read with the headers given; give a token that may read it`);
  }
  if (status === 404 || status === 410) throw new NotFoundError(`${where}: there is no such file; check the address`);
  if (status === 416) {
    throw new DataError(
      `${where}: the file ends before; expected ${known?.sizeBytes ?? 'at least one'} bytes: it was changed or is empty`,
    );
  }
  throw new InputError(`${where}: expected 206 and the bytes that were asked for; check the address`);
}

function readContentRange(
  response: Response,
  url: string,
  offset: number,
  length: number,
  known: FileIdentity | undefined,
): { sizeBytes: number; length: number } {
  const header = response.headers.get('content-range') ?? '';
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header);
  const [from, to, sizeBytes] = (match?.slice(1) ?? []).map(Number);
  const end = Math.min(offset + length, known?.sizeBytes ?? sizeBytes ?? 0);
  if (from !== offset || to !== end - 1 || !Number.isSafeInteger(sizeBytes) || encoding !== 'identity') {
    throw new DataError(
      `${shownUrl(url)}, byte ${offset}: expected Content-Range "bytes ${offset}-${end - 1}/SIZE" and no encoding, found "${header}", ${encoding}; ` +
        'this server serves ranges wrongly: download the files and name their folder instead',
    );
  }
  return { sizeBytes: sizeBytes!, length: end - offset }; // a safe integer, just checked
}

function versionOf(response: Response, url: string): string {
  const etag = response.headers.get('etag');
  if (etag !== null) return etag;
  const modified = response.headers.get('last-modified');
  if (modified !== null) return `last-modified: ${modified}`;
  throw new DataError(
    `${shownUrl(url)}: expected an ETag or Last-Modified in the answer, found neither, so that a changed file could not be told; ` +
      'download the files and name their folder instead',
  );
}

function checkSame(known: FileIdentity, found: FileIdentity): void {
  if (known.sizeBytes === found.sizeBytes && known.version === found.version) return;
  throw new DataError(
    `${shownUrl(known.url)}: expected the file that was read before (${known.sizeBytes} bytes, ${known.version}), found ${found.sizeBytes} bytes, ${found.version}: ` +
      'it was changed at the server; blocks of two versions are never mixed: empty the cache folder to read the new one',
  );
}

/** The body, which must have `length` bytes: fewer are a cut connection, more are refused without reading on. */
async function readExactly(
  response: Response,
  url: string,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const next = await (reader && orAborted(reader.read(), signal))?.catch((error: unknown) => {
      throw interruptionOf(url, error);
    });
    if (next?.value === undefined) break;
    if (done + next.value.length > length) {
      await reader?.cancel().catch(() => undefined); // what follows is not wanted in any case
      throw new DataError(
        `${shownUrl(url)}, byte ${offset}: expected ${length} bytes, found more; this server serves ranges wrongly: download the files instead`,
      );
    }
    bytes.set(next.value, done);
    done += next.value.length;
  }
  if (done === length) return bytes;
  throw new Interruption(
    `${shownUrl(url)}, byte ${offset}: expected ${length} bytes, found ${done}: the answer was cut`,
  );
}
