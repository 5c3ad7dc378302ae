// Reads the part of JSON Schema (2020-12) that the API's job schema uses, and says which kind of field each place needs.
import { childPointer, type Json } from './json-pointer.ts';

export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly type?: string;
  readonly description?: string;
  readonly default?: Json;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly maxLength?: number;
}

/** One place of the form. `alternative`: a fixed word such as "auto", or else what `other` describes. */
export type Field =
  | { readonly kind: 'object'; readonly properties: readonly [string, JsonSchema][]; readonly required: Set<string> }
  | { readonly kind: 'choice'; readonly options: readonly Json[] }
  | { readonly kind: 'several'; readonly options: readonly string[] }
  | { readonly kind: 'alternative'; readonly word: string; readonly other: JsonSchema }
  | { readonly kind: 'number'; readonly isWhole: boolean; readonly least?: number; readonly most?: number }
  | { readonly kind: 'boolean' | 'text' | 'json' };

const MOST_REFERENCES = 16;

/** The schema behind a chain of local references. @throws {Error} when a reference leads nowhere or in a circle. */
export function resolveSchema(schema: JsonSchema, root: JsonSchema): JsonSchema {
  let at = schema;
  for (let followed = 0; at.$ref !== undefined; followed += 1) {
    const target = at.$ref === '#' ? root : root.$defs?.[at.$ref.replace(/^#\/\$defs\//, '')];
    if (target === undefined || followed > MOST_REFERENCES) {
      throw new Error(`the job schema refers to ${at.$ref}, which is not among its $defs`);
    }
    at = target;
  }
  return at;
}

/** What a resolved schema needs on the form; a shape that is not known here is typed in as JSON. */
export function fieldOf(schema: JsonSchema): Field {
  if (schema.enum !== undefined) return { kind: 'choice', options: schema.enum };
  if (schema.anyOf !== undefined) return alternativeOf(schema.anyOf);
  switch (schema.type) {
    case 'object':
      return {
        kind: 'object',
        properties: Object.entries(schema.properties ?? {}),
        required: new Set(schema.required ?? []),
      };
    case 'integer':
    case 'number':
      return numberOf(schema);
    case 'array':
      return hasNames(schema.items) ? { kind: 'several', options: stringsOf(schema.items) } : { kind: 'json' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'string':
      return { kind: 'text' };
    default:
      return { kind: 'json' };
  }
}

/** Whether entries are names, or may be: objects beside them are chosen from what the form is told. */
function hasNames(items: JsonSchema | undefined): items is JsonSchema {
  return items?.type === 'string' || (items?.anyOf ?? []).some(({ type }) => type === 'string');
}

function stringsOf(items: JsonSchema): string[] {
  return (items.enum ?? []).filter((option) => typeof option === 'string');
}

function alternativeOf(branches: readonly JsonSchema[]): Field {
  const word = branches.find((branch) => typeof branch.const === 'string')?.const;
  const other = branches.find((branch) => branch.const === undefined);
  if (branches.length !== 2 || typeof word !== 'string' || other === undefined) return { kind: 'json' };
  return { kind: 'alternative', word, other };
}

function numberOf(schema: JsonSchema): Field {
  // Bounds as large as the largest exact integer say nothing to a reader.
  const most = schema.maximum ?? schema.exclusiveMaximum;
  const least = schema.minimum ?? schema.exclusiveMinimum;
  return {
    kind: 'number',
    isWhole: schema.type === 'integer',
    ...(least !== undefined && least > Number.MIN_SAFE_INTEGER ? { least } : {}),
    ...(most !== undefined && most < Number.MAX_SAFE_INTEGER ? { most } : {}),
  };
}

/** The pointers of all places that hold a value of their own (everything but the objects around them). */
export function fieldPointers(schema: JsonSchema, root: JsonSchema, pointer = ''): string[] {
  const field = fieldOf(resolveSchema(schema, root));
  if (field.kind !== 'object') return [pointer];
  return field.properties.flatMap(([key, inner]) => fieldPointers(inner, root, childPointer(pointer, key)));
}

/** A camelCase key as words: "microBatchSize" → "Micro batch size". */
export function labelOf(key: string): string {
  const words = key.replace(/([a-z\d])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
