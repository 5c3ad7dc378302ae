// A sweep's document as one writes it: YAML, of which JSON is a part. The parser is fetched with the first document.
import type { JsonObject } from '../json-pointer.ts';

/** The document as an object. Throws with the line of a fault. */
export async function readDocument(text: string): Promise<JsonObject> {
  const { parse } = await import('yaml');
  const value: unknown = parse(text, { maxAliasCount: 100 });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('The document is no object: it needs at least `base:` and `grid:`.');
  }
  return value as JsonObject; // YAML's core schema knows no other values than JSON's
}
