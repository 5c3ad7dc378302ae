// A YAML document that a caller submits: a file, or `-` for stdin. JSON is YAML, so it may be that, too. What is in it is checked by the server, whose faults are
// told with the lines they are in.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node, type Pair } from 'yaml';
import { InputError, messageOf } from '../errors.ts';
import { ApiError } from './api-client.ts';
import { readInput } from './json-document.ts';
import { printable } from './table.ts';

export interface YamlDocument {
  readonly value: Record<string, unknown>;
  /** The refusal of what was sent, with the line of each fault; any other error as it is. */
  explain(error: unknown): unknown;
}

/** The object in the file. Throws InputError that names file, line and column of a fault. */
export async function readYamlDocument(path: string): Promise<YamlDocument> {
  const where = path === '-' ? 'stdin' : path;
  let text: string;
  try {
    text = await readInput(path);
  } catch (error) {
    throw new InputError(`${where}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(pos[0]);
    throw new InputError(`${where}: line ${line}, column ${col}: ${printable(message)}`);
  }
  const value = valueOf(document, where);
  const lineOf = (pointer: string) => lines.linePos(placeOf(document, pointer)).line;
  return {
    value,
    explain(error) {
      if (!(error instanceof ApiError) || error.faults.length === 0) return error;
      const faults = error.faults.map(
        ({ pointer, detail }) =>
          `\n  line ${lineOf(pointer)}: ${printable(pointer || '(whole)')}: ${printable(detail)}`,
      );
      return new InputError(`${where} was refused (HTTP ${error.status})${faults.join('')}`, { cause: error });
    },
  };
}

function valueOf(document: Document, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = document.toJS(); // counts aliases, so that none grows beyond all bounds
  } catch (error) {
    throw new InputError(`${where}: ${messageOf(error)}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${where}: expected fields and their values, such as "base: …", or one JSON object`);
  }
  const foreign = firstForeign(value, '');
  if (foreign !== undefined) throw new InputError(`${where}: ${foreign}: expected what JSON can hold: no .nan or .inf`);
  return value as Record<string, unknown>; // an object
}

/** The path of the first number that JSON has no word for. */
function firstForeign(value: unknown, path: string): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value)
    .map(([key, inner]) => firstForeign(inner, `${path}/${key}`))
    .find((found) => found !== undefined);
}

/** Where in the text the pointer leads; where it leads nowhere, the last place on its way. */
function placeOf(document: Document, pointer: string): number {
  let place = document.contents?.range?.[0] ?? 0;
  let node: unknown = document.contents;
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((one) => isScalar(one.key) && String(one.key.value) === key);
      if (pair === undefined) return place;
      place = (pair.key as Node).range?.[0] ?? place; // a scalar
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      place = (node as Node | undefined)?.range?.[0] ?? place;
    } else return place;
  }
  return place;
}
