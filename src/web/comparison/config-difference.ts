// What jobs were asked for, side by side: every field of their specs by dotted path, and which fields differ from the baseline's.
import type { JobSpec } from '../../job-spec.ts';
import type { Json, JsonObject } from '../json-pointer.ts';

export interface ConfigField {
  /** `intervention.probability`. */
  readonly path: string;
  /** In the order of the jobs, as text; undefined where a job lacks the field. */
  readonly values: readonly (string | undefined)[];
  readonly isDifferent: boolean;
}

/** A job's name says nothing of what it does. */
const NOT_CONFIG: ReadonlySet<string> = new Set(['name']);

/** The fields of all specs, in the order in which they first appear. */
export function configFields(specs: readonly JobSpec[]): ConfigField[] {
  const flat = specs.map((spec) => new Map(leaves(spec as unknown as JsonObject, ''))); // a spec as the API stores it is plain JSON
  const paths = [...new Set(flat.flatMap((fields) => [...fields.keys()]))].filter((path) => !NOT_CONFIG.has(path));
  return paths.map((path) => {
    const values = flat.map((fields) => fields.get(path));
    return { path, values, isDifferent: new Set(values).size > 1 };
  });
}

function leaves(value: Json, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, textOf(value)]];
  return Object.entries(value as JsonObject).flatMap(([key, inner]) =>
    leaves(inner, path === '' ? key : `${path}.${key}`),
  );
}

/** A list of plain values is read as one value; what is nested deeper as JSON. */
function textOf(value: Json): string {
  if (!Array.isArray(value)) return typeof value === 'string' ? value : JSON.stringify(value);
  if (value.length === 0) return 'none';
  return value.every((one) => typeof one !== 'object') ? value.join(', ') : JSON.stringify(value);
}
