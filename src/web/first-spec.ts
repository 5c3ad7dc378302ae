// What the form holds when it opens: the first model, its dataset, and the checkpoint before its last 7 % of training,
// which is where the published interventions began.
import type { ModelEntry, NamedEntry } from './api.ts';
import { withValueAt, type JsonObject } from './json-pointer.ts';

const SHARE_BEFORE_THE_WINDOW = 0.93;

/** The names of a model's checkpoints, in order of their steps. */
export function checkpointNames({ checkpoints = [] }: ModelEntry): string[] {
  return checkpoints
    .map((entry) => (typeof entry === 'string' ? entry : (entry.name ?? `step${entry.step}`)))
    .filter((name) => /^step\d+$/.test(name))
    .toSorted((a, b) => stepOf(a) - stepOf(b));
}

function stepOf(checkpoint: string): number {
  return Number(checkpoint.slice('step'.length));
}

function startOf(model: ModelEntry): string | undefined {
  const names = checkpointNames(model);
  const last = names.at(-1);
  if (last === undefined) return undefined;
  const wanted = SHARE_BEFORE_THE_WINDOW * stepOf(last);
  return names.reduce((best, name) =>
    Math.abs(stepOf(name) - wanted) < Math.abs(stepOf(best) - wanted) ? name : best,
  );
}

/** The spec with another model, and with the checkpoint and dataset that go with it. */
export function withModel(spec: JsonObject, models: readonly ModelEntry[], name: string): JsonObject {
  const model = models.find((entry) => entry.name === name);
  const named = withValueAt(spec, '/model', name);
  if (model === undefined) return named;
  const started = withValueAt(named, '/checkpoint', startOf(model));
  return model.dataset === undefined ? started : withValueAt(started, '/dataset', model.dataset);
}

/** The spec of an untouched form. */
export function firstSpec(models: readonly ModelEntry[], datasets: readonly NamedEntry[]): JsonObject {
  const [model] = models;
  const [dataset] = datasets;
  const empty: JsonObject = dataset === undefined ? {} : { dataset: dataset.name };
  return model === undefined ? empty : withModel(empty, models, model.name);
}
