// Reading what a request carries: a JSON body against a schema (faults: 422 with pointers), a query string (faults: 400).
import type { Request } from 'express';
import { z } from 'zod';
import { InputError } from '../errors.ts';
import { ARMS, type ScoringSettings } from '../job-spec.ts';
import { faultsOf, FaultyDocument, pointerOf } from './problem.ts';
import type { Fault } from './problem.ts';

/** The body as the schema understands it. Throws FaultyDocument with a pointer to each fault. */
export function readBody<T extends z.ZodType>(request: Request, schema: T): z.output<T> {
  if (request.body === undefined) {
    throw new InputError('the request has no JSON body: send one with content-type: application/json');
  }
  const faults = unstorable(request.body, []);
  if (faults.length > 0) throw new FaultyDocument(faults);
  const result = schema.safeParse(request.body);
  if (!result.success) throw new FaultyDocument(faultsOf(result.error));
  return result.data;
}

const MAX_DEPTH = 10;

// JSON can hold text that Postgres cannot, and nesting that would exhaust the stack of whoever walks it.
function unstorable(value: unknown, path: readonly string[]): Fault[] {
  const pointer = pointerOf(path);
  if (typeof value === 'string') {
    const detail = 'the text holds U+0000 or half a surrogate pair';
    return /\0|\p{Surrogate}/u.test(value) ? [{ pointer, detail }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  if (path.length === MAX_DEPTH) return [{ pointer, detail: `nested more than ${MAX_DEPTH} deep` }];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...unstorable(key, [...path, key]),
    ...unstorable(inner, [...path, key]),
  ]);
}

/** The query string as the schema understands it; unknown and repeated parameters are faults. Throws InputError. */
export function readQuery<T extends z.ZodType>(request: Request, schema: T): z.output<T> {
  const result = schema.safeParse(request.query);
  if (result.success) return result.data;
  const words = faultsOf(result.error).map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`);
  throw new InputError(`faulty query: ${words.join('; ')}`);
}

const MAX_INT = 2 ** 31 - 1;
/** A page's size in a query string. */
export const limitParameter = (most: number, standard: number) =>
  z.coerce.number().int().min(1).max(most).default(standard);
/** A step in a query string. */
export const stepParameter = z
  .string()
  .regex(/^\d{1,10}$/, 'a step is a whole number')
  .transform(Number)
  .refine((step) => step <= MAX_INT, 'no run has so many steps');
/** Free text in a query string. */
export const textParameter = z.string().regex(/^[^\0]{1,200}$/, 'one to 200 characters');
export const armParameter = z.enum(ARMS);
export const idParameter = z.uuid();
/** A moment in a query string, for example 2026-01-31T12:00:00Z. */
export const timeParameter = z.iso.datetime({ offset: true }).transform((text) => new Date(text));

const scoringSettings = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]));
/** Settings of a protocol in a query string. */
export const settingsParameter = z.string().transform((text, context): ScoringSettings => {
  try {
    return scoringSettings.parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: 'custom', message: 'settings are a JSON object, as a score row has them' });
    return z.NEVER;
  }
});
