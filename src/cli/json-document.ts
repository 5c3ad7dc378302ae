// The JSON object that a caller submits: a file, or `-` for stdin. What is in it is checked by the server.
import { readFileSync } from 'node:fs';
import { InputError, messageOf } from '../errors.ts';

/** The object in the file; throws InputError that names the file when it is not there, no JSON, or no object. */
export async function readJsonDocument(path: string): Promise<Record<string, unknown>> {
  const where = path === '-' ? 'stdin' : path;
  let value: unknown;
  try {
    value = JSON.parse(await readInput(path));
  } catch (error) {
    throw new InputError(`${where}: cannot be read as JSON: ${messageOf(error)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${where}: expected one JSON object, { … }`);
  }
  return value as Record<string, unknown>; // an object parsed from JSON
}

/** The text of the file, or of stdin for `-`. */
export async function readInput(path: string): Promise<string> {
  return path === '-' ? readStdin() : readFileSync(path, 'utf8');
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
