// The names that fields of a new job offer: what the server has here.
import type { ModelEntry, NamedEntry } from './api.ts';
import type { JsonObject } from './json-pointer.ts';
import type { JsonSchema } from './json-schema.ts';
import type { Choices } from './spec-form.ts';

/** What the form of a new job is made of. */
export interface Catalogue {
  readonly schema: JsonSchema;
  readonly models: readonly ModelEntry[];
  readonly datasets: readonly NamedEntry[];
  readonly benchmarks: readonly NamedEntry[];
  /** The spec of an earlier job to start from. */
  readonly template: JsonObject | undefined;
}

/** Choices by the pointer of their field. */
export function choicesOf({ models, datasets, benchmarks }: Catalogue): Record<string, Choices> {
  const named = (entries: readonly NamedEntry[]): Choices => ({
    names: entries.filter(({ isThere }) => isThere !== false).map(({ name }) => name),
    isOpen: false,
  });
  return {
    '/model': named(models),
    '/dataset': named(datasets),
    '/evaluation/benchmarks': benchmarkChoices(benchmarks),
  };
}

/** Benchmarks by name, which are scored by likelihood, and beside them their other protocols. */
function benchmarkChoices(benchmarks: readonly NamedEntry[]): Choices {
  const here = benchmarks.filter(({ isThere }) => isThere !== false);
  const ways = here.flatMap(({ name, protocols = ['likelihood'] }) =>
    protocols.map((protocol) => ({ name, protocol })),
  );
  return {
    names: ways.filter(({ protocol }) => protocol === 'likelihood').map(({ name }) => name),
    more: ways
      .filter(({ protocol }) => protocol !== 'likelihood')
      .map(({ name, protocol }) => ({ words: `${name}, ${protocol}`, value: { benchmark: name, protocol } })),
    isOpen: false,
  };
}
