// Why the server refused something, in words: its own, or each fault with the field that it is in.
import { ApiError, type SpecFault } from './api-call.ts';
import { parsePointer } from './json-pointer.ts';
import { labelOf } from './json-schema.ts';

/** Fields under which a document holds a job or what changes of one: they are not on the form. */
const WRAPPERS = ['job', 'changes'];

/** The words of a refusal, or of whatever else was thrown. */
export function refusalWords(error: unknown): string {
  if (error instanceof ApiError && error.faults.length > 0) return error.faults.map(faultWords).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** The faulty field, and what is wrong with it. */
export function faultWords({ pointer, detail }: SpecFault): string {
  const keys = parsePointer(pointer).filter((key, place) => place > 0 || !WRAPPERS.includes(key));
  return keys.length === 0 ? detail : `${keys.map(keyWords).join(' › ')}: ${detail}`;
}

/** A list counts from one. */
function keyWords(key: string): string {
  return /^\d+$/.test(key) ? String(Number(key) + 1) : labelOf(key);
}
