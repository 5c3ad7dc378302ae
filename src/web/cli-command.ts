// The command line that submits what the form holds: by flags where `tiresias submit` has one for each field, else as a document on stdin.
import { quoted } from './curl.ts';
import { fieldsOf, type Json, type JsonObject } from './json-pointer.ts';

/** The flags of src/cli/spec-options.ts by the field that they set, and the kind of value that they take. */
const FLAGS: Readonly<Record<string, readonly [flag: string, kind: 'string' | 'number']>> = {
  '/name': ['--name', 'string'],
  '/model': ['--model', 'string'],
  '/checkpoint': ['--checkpoint', 'string'],
  '/dataset': ['--dataset', 'string'],
  '/window/to': ['--to', 'number'],
  '/window/steps': ['--steps', 'number'],
  '/intervention/policy': ['--policy', 'string'],
  '/intervention/direction': ['--direction', 'string'],
  '/intervention/probability': ['--probability', 'number'],
  '/intervention/per': ['--per', 'string'],
  '/intervention/seed': ['--seed', 'number'],
  '/priority': ['--priority', 'number'],
};
const DEFAULT_ADDRESS = 'http://127.0.0.1:8642/';

/** A `tiresias submit` for a POSIX shell; `address` is the server's. */
export function cliCommand(spec: JsonObject, address: string): string {
  const where = address === DEFAULT_ADDRESS ? [] : [`--url ${quoted(address)}`];
  const flags = flagsOf(spec);
  if (flags === undefined) {
    return [
      `tiresias submit - ${where.join(' ')} <<'JOB'`.replace('  ', ' '),
      JSON.stringify(spec, null, 2),
      'JOB',
    ].join('\n');
  }
  return ['tiresias submit', ...[...flags, ...where].map((words) => `  ${words}`)].join(' \\\n');
}

/** Undefined when there is a field that no flag sets. */
function flagsOf(spec: JsonObject): string[] | undefined {
  const flags = fieldsOf(spec).map(([pointer, value]) => flagOf(pointer, value));
  return flags.some((flag) => flag === undefined) ? undefined : flags.flatMap((flag) => flag ?? []);
}

function flagOf(pointer: string, value: Json): string[] | undefined {
  if (pointer === '/tags' && Array.isArray(value)) return value.map((tag) => withValue('--tag', String(tag)));
  const [flag, kind] = FLAGS[pointer] ?? [];
  return flag === undefined || typeof value !== kind ? undefined : [withValue(flag, String(value))];
}

function withValue(flag: string, value: string): string {
  const word = /^[\w./:+-]+$/.test(value) ? value : quoted(value);
  return value.startsWith('-') ? `${flag}=${word}` : `${flag} ${word}`;
}
