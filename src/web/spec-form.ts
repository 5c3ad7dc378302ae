// What every part of the schema-drawn form shares: the spec so far, its faults, the names to choose from.
import type { Json, JsonObject } from './json-pointer.ts';
import type { JsonSchema } from './json-schema.ts';

/** Names that a field may take. An open list only suggests. */
export interface Choices {
  readonly names: readonly string[];
  /** Entries of a list that are more than a name, with the words they are shown by. */
  readonly more?: readonly { readonly words: string; readonly value: JsonObject }[];
  readonly isOpen: boolean;
}

export interface SpecForm {
  readonly root: JsonSchema;
  readonly spec: JsonObject;
  /** Faults by the pointer of the field that shows them; '' holds those that belong to no field. */
  readonly faults: ReadonlyMap<string, readonly string[]>;
  /** By pointer. */
  readonly choices: Readonly<Record<string, Choices>>;
  readonly onChange: (pointer: string, value: Json | undefined) => void;
}
