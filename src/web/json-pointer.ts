// JSON Pointers (RFC 6901): how a form field, a value in a spec and a fault in a 422 answer name the same place.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The keys of a pointer, unescaped; the empty pointer has none. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .replace(/^#?\//, '')
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The pointer to `key` inside the place that `parent` names. */
export function childPointer(parent: string, key: string): string {
  return `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The value at a pointer inside nested objects, or undefined when nothing is there. */
export function valueAt(value: Json | undefined, pointer: string): Json | undefined {
  return parsePointer(pointer).reduce<Json | undefined>((at, key) => (isObject(at) ? at[key] : undefined), value);
}

/** A copy with the value at a pointer replaced; undefined removes it, and with it every object left empty. */
export function withValueAt(value: JsonObject, pointer: string, next: Json | undefined): JsonObject {
  return setKeys(value, parsePointer(pointer), next);
}

function setKeys(value: JsonObject, keys: readonly string[], next: Json | undefined): JsonObject {
  const [key, ...deeper] = keys;
  if (key === undefined) return value;
  const inner = value[key];
  const child = deeper.length === 0 ? next : setKeys(isObject(inner) ? inner : {}, deeper, next);
  const isGone = child === undefined || (deeper.length > 0 && isObject(child) && Object.keys(child).length === 0);
  if (isGone) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
  return { ...value, [key]: child };
}

/** The `places` entry nearest above (or at) a pointer, or '' when none of them holds it. */
export function nearestPlace(pointer: string, places: ReadonlySet<string>): string {
  const keys = parsePointer(pointer);
  for (let depth = keys.length; depth > 0; depth -= 1) {
    const above = keys.slice(0, depth).reduce(childPointer, '');
    if (places.has(above)) return above;
  }
  return '';
}

/** Every value that is no object, with its pointer; an empty object has none. */
export function fieldsOf(value: JsonObject, pointer = ''): [string, Json][] {
  return Object.entries(value).flatMap(([key, inner]): [string, Json][] => {
    const place = childPointer(pointer, key);
    return isObject(inner) ? fieldsOf(inner, place) : [[place, inner]];
  });
}
