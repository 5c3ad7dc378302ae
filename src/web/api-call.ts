// One call of the HTTP API: its address, the answer, and what is thrown where there is none. Addresses are relative to the page, so that it
// also works behind a proxy's prefix.
import { noteReached } from './connection.ts';

export interface SpecFault {
  readonly pointer: string;
  readonly detail: string;
}

/** An answer that is not a success: RFC 9457 problem details, with the spec's faults when there are some. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly faults: readonly SpecFault[] = [],
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** The address of an API resource; `query` entries that are undefined are left out. */
export function apiAddress(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return `v1/${path}${search === '' ? '' : `?${search}`}`;
}

interface Problem {
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly SpecFault[];
}

/** The answer to a call of the API. Throws ApiError, or what an aborted signal gives. */
export async function call<T>(path: string, init?: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, init === undefined ? init : { ...init, headers: await headersOfChange(init) });
  } catch (error) {
    if (init?.signal?.aborted === true) throw error;
    noteReached(false);
    throw new ApiError(0, 'The server does not answer.'); // fetch itself says no more than "Failed to fetch"
  }
  noteReached(true);
  if (answer.ok) return (await answer.json()) as T;
  if (answer.status === 401) location.hash = '#/sign-in';
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  const words = problem.detail ?? problem.title ?? `the server answered ${answer.status}`;
  throw new ApiError(answer.status, words, problem.errors ?? []);
}

let csrfToken: Promise<string | null> | undefined;

/** With the token against forged requests, which a server that asks for no tokens has none of. */
async function headersOfChange({ headers }: RequestInit): Promise<Headers> {
  csrfToken ??= fetch(apiAddress('session')).then(
    async (answer) => ((await answer.json().catch(() => ({}))) as { csrfToken?: string | null }).csrfToken ?? null,
    () => null, // the change itself will tell that the server does not answer
  );
  const all = new Headers(headers);
  const token = await csrfToken;
  if (token !== null) all.set('x-csrf-token', token);
  return all;
}

/** Whatever was thrown, as an error. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
