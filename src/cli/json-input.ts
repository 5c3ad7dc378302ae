// JSON files that a caller hands to a command.
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { InputError, messageOf } from '../errors.ts';

/** Reads and checks a JSON file; throws InputError naming the file and the place in it. */
export function readJsonInput<T>(path: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new InputError(`${path}: cannot be read as JSON: ${messageOf(error)}`, { cause: error });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new InputError(`${path}: at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'not what was expected'}`);
}
