// The command that submits what the form holds.
import type { JsonObject } from './json-pointer.ts';

/** A word for a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A curl command for a POSIX shell that submits a spec to the address of the jobs. */
export function curlCommand(spec: JsonObject, address: string): string {
  const lines = [
    `curl --fail-with-body ${quoted(address)}`,
    `  --header 'content-type: application/json'`,
    `  --data ${quoted(JSON.stringify(spec, null, 2))}`,
  ];
  return lines.join(' \\\n');
}
