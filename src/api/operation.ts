// What the table of routes says of one of them.
import type { z } from 'zod';
import type { Scope } from './caller.ts';
import type { Schema } from './openapi-schemas.ts';

export interface Header {
  readonly name: string;
  readonly description: string;
}

export interface Operation {
  readonly summary: string;
  readonly answer: Schema;
  readonly status?: 200 | 201 | 202;
  readonly query?: z.ZodObject;
  readonly headers?: readonly Header[];
  readonly body?: Schema;
  readonly mediaType?: string;
  /** Statuses of problems beside those that every operation of its scope can answer with. */
  readonly problems?: readonly (400 | 401 | 404 | 409 | 412 | 422 | 429)[];
  /** Default: read for GET, submit for the rest. Public ones are answered without a token. */
  readonly scope?: Scope | 'public';
}

/** The operations of one path, by method. */
export type PathOperations = Readonly<Record<string, Operation>>;

/** Of a request that makes something. */
export const idempotent: readonly Header[] = [
  {
    name: 'Idempotency-Key',
    description: 'The same key with the same body makes it once, within a week, and answers with it again.',
  },
];

/** What an operation asks for. */
export function scopeOf(method: string, { scope }: Operation): Scope | 'public' {
  return scope ?? (method === 'get' ? 'read' : 'submit');
}
