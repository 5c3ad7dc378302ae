// What can go wrong between here and a web server, told apart: failures that may pass, with the wait that the server asks for, and reads that
// never end. Serves the readers of byte ranges and the hub.
import { messageOf, TransientError } from '../errors.ts';

/** Statuses after which the same request may succeed. */
export const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** A failure that may pass: a cut connection, an overloaded server. */
export class Interruption extends TransientError {
  /** What the server asks for. */
  readonly waitMs: number | undefined;
  constructor(message: string, details: { cause?: unknown; waitMs?: number | undefined } = {}) {
    super(message, details);
    this.waitMs = details.waitMs;
  }
}

/** The interruption behind what fetch, or reading a body, threw. */
export function interruptionOf(url: string, error: unknown): Interruption {
  // fetch hides what happened in its error's cause.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new Interruption(`${shownUrl(url)}: ${messageOf(cause)}`, { cause: error });
}

/** The wait of a Retry-After header, in seconds or as a date; undefined when there is none. */
export function retryAfterMs(headers: Headers): number | undefined {
  const header = headers.get('retry-after');
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? 1000 * Number(header) : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** The address without its query: a signature in it opens the file to everybody. */
export function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/**
 * The work's result, or the signal's reason when that comes first. Node 20's fetch can leave a read pending for ever when it is aborted at the end
 * of a body (seen once in 50 aborts on a busy machine).
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
