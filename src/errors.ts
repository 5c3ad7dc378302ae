// The errors of the whole program. Their class says who can mend them; everything else that is thrown is a bug.

export interface ErrorDetails {
  /** The error this one explains. */
  readonly cause?: unknown;
  /** JSON pointer (RFC 6901) of the faulty field, when the fault lies in a submitted document. */
  readonly pointer?: string;
}

/** The caller can mend it: HTTP 4xx, exit code 2. */
export class InputError extends Error {
  override readonly name: string = 'InputError';
  readonly pointer: string | undefined;
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.pointer = details.pointer;
  }
}

/** A file is not what it claims to be; the message names the file. */
export class DataError extends Error {
  override readonly name: string = 'DataError';
  constructor(message: string, details: { cause?: unknown } = {}) {
    super(message, { cause: details.cause });
  }
}

/** A named thing does not exist: HTTP 404. */
export class NotFoundError extends Error {
  override readonly name: string = 'NotFoundError';
}

/** The thing is in a state that forbids the action: HTTP 409. */
export class ConflictError extends Error {
  override readonly name: string = 'ConflictError';
}

/** The thing is no longer as the caller expected it: HTTP 412. */
export class PreconditionError extends Error {
  override readonly name: string = 'PreconditionError';
}

/** May work when tried again (a lost connection, a busy database). */
export class TransientError extends Error {
  override readonly name: string = 'TransientError';
  constructor(message: string, details: { cause?: unknown } = {}) {
    super(message, { cause: details.cause });
  }
}

/** A back end would exceed the memory in which its results are right. */
export class OutOfMemoryError extends Error {
  override readonly name: string = 'OutOfMemoryError';
}

/** What should be kept could not be written: a full disk, a folder that takes no writes. */
export class StorageError extends Error {
  override readonly name: string = 'StorageError';
  constructor(message: string, details: { cause?: unknown } = {}) {
    super(message, { cause: details.cause });
  }
}

/** A window ended without a single pronoun edit. */
export class NoEditsError extends Error {
  override readonly name: string = 'NoEditsError';
}

/** A loss or gradient is not a finite number. */
export class NumericalError extends Error {
  override readonly name: string = 'NumericalError';
}

/** The words of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** An error as plain values: copying between threads keeps no class. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly pointer: string | undefined;
}

const CLASSES = [
  ...[InputError, DataError, NotFoundError, ConflictError, TransientError],
  ...[OutOfMemoryError, NoEditsError, NumericalError],
];

export function packError(thrown: unknown): PackedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const kind = CLASSES.find((one) => error instanceof one);
  const pointer = error instanceof InputError ? error.pointer : undefined;
  return { name: kind?.name ?? error.name, message: error.message, stack: error.stack, pointer };
}

/** The error again, of its class. */
export function unpackError({ name, message, stack, pointer }: PackedError): Error {
  const Kind = CLASSES.find((one) => one.name === name);
  const error = Kind === undefined ? new Error(message) : new Kind(message, pointer === undefined ? {} : { pointer });
  if (stack !== undefined) error.stack = stack;
  return error;
}
