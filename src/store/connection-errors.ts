// Which failures of the database may pass when the work is tried again: a lost or refused connection, a server that starts
// or stops, a deadlock. They become TransientError; every other error stays as it is.
import { TransientError } from '../errors.ts';

// PostgreSQL appendix A (08, 53, 57P and 40 classes), Node's socket errors, Prisma's own codes.
const SQL_STATES = /^(08...|53...|57P0[1-5]|40001|40P01|55P03)$/;
const SOCKET_CODES = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN)$/;
const PRISMA_CODES = /^(P1001|P1002|P1008|P1011|P1017|P2024|P2028|P2034|P2037)$/;
const DRIVER_KINDS = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TransactionWriteConflict',
  'TooManyConnections',
]);
const WORDS =
  /Connection terminated|timeout exceeded when trying to connect|connection is closed|not queryable|Client was closed|Server has closed the connection|Can't reach database server|terminating connection/;

/** The error as it is, or a TransientError around it when trying again may help. */
export function asTransient(error: unknown): unknown {
  if (error instanceof TransientError || !isPassing(error, 0)) return error;
  const words = error instanceof Error && error.message !== '' ? lastLine(error.message) : 'no connection';
  return new TransientError(`the database is not available: ${words}`, { cause: error });
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? text;
}

interface Carrier {
  readonly code?: unknown;
  readonly kind?: unknown;
  readonly message?: unknown;
  readonly originalCode?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
  readonly meta?: { readonly driverAdapterError?: unknown };
}

function isPassing(error: unknown, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth > 4) return false;
  const { code, kind, message, originalCode, cause, errors, meta } = error as Carrier;
  const codes = [code, originalCode].filter((value) => typeof value === 'string');
  if (codes.some((value) => SQL_STATES.test(value) || SOCKET_CODES.test(value) || PRISMA_CODES.test(value)))
    return true;
  if (typeof kind === 'string' && DRIVER_KINDS.has(kind)) return true;
  if (typeof message === 'string' && WORDS.test(message)) return true;
  const inner = [cause, meta?.driverAdapterError, ...(Array.isArray(errors) ? (errors as unknown[]) : [])];
  return inner.some((value) => isPassing(value, depth + 1));
}
