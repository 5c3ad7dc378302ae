// What the form holds when it opens: the first model, its dataset, and the checkpoint before its last 7 % of training,
// which is where the published interventions began.
import type { ModelEntry, NamedEntry } from './api.ts';
import { valueAt, withValueAt, type JsonObject } from './json-pointer.ts';

const SHARE_BEFORE_THE_WINDOW = 0.93;

function stepOf(checkpoint: string): number {
  return Number(checkpoint.slice('step'.length));
}

/** The names of a model's checkpoints, in order of their steps. */
export function checkpointNames({ checkpoints = [] }: ModelEntry): string[] {
  return checkpoints.map(({ checkpoint }) => checkpoint).toSorted((a, b) => stepOf(a) - stepOf(b));
}

/** The checkpoint nearest to the start of the last 7 %; undefined when there is none to train on from. */
export function startOf(model: ModelEntry): string | undefined {
  const names = checkpointNames(model);
  const endStep = model.endStep ?? stepOf(names.at(-1) ?? 'step0');
  const distance = (name: string) => Math.abs(stepOf(name) - SHARE_BEFORE_THE_WINDOW * endStep);
  return names.filter((name) => stepOf(name) < endStep).toSorted((a, b) => distance(a) - distance(b))[0];
}

/** The spec with another model, and with the checkpoint and dataset that go with it. */
export function withModel(spec: JsonObject, models: readonly ModelEntry[], name: string): JsonObject {
  const model = models.find((entry) => entry.name === name);
  const named = withValueAt(spec, '/model', name);
  if (model === undefined) return named;
  const isShare = valueAt(spec, '/window/finalFraction') !== undefined; // that says where it starts
  const started = isShare ? named : withValueAt(named, '/checkpoint', startOf(model));
  return typeof model.dataset !== 'string' ? started : withValueAt(started, '/dataset', model.dataset);
}

/** The spec of an untouched form. */
export function firstSpec(models: readonly ModelEntry[], datasets: readonly NamedEntry[]): JsonObject {
  const [model] = models;
  const [dataset] = datasets;
  const empty: JsonObject = dataset === undefined ? {} : { dataset: dataset.name };
  return model === undefined ? empty : withModel(empty, models, model.name);
}
