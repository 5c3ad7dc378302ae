// What the API says of a job before it is submitted: the training of its model, a rewritten batch, and what the whole would take.
import type { BenchmarkPower, Estimate as PlannedFacts, ModelTraining } from '../api/catalog.ts';
import type { BatchPreview } from '../api/preview-batch.ts';
import type { Sharing } from '../api/sharing.ts';
import { apiAddress, call } from './api-call.ts';
import type { JsonObject } from './json-pointer.ts';

export type { BatchPreview, PreviewedRow } from '../api/preview-batch.ts';
export type { ModelTraining } from '../api/catalog.ts';

/** What a benchmark can show, and what the newest job like this one could have found. */
export interface Power extends BenchmarkPower {
  readonly observed: {
    readonly job: string;
    readonly model: string;
    readonly step: number;
    readonly effects: readonly { readonly metric: string; readonly detectable: number | null }[];
  } | null;
}

export interface Estimate extends Omit<PlannedFacts, 'backend' | 'evaluations' | 'work'> {
  readonly backend: { readonly name: string; readonly basis: string };
  /** Left out by servers that do not tell. */
  readonly sharing?: Pick<Sharing, 'parts' | 'basis'> & {
    readonly numTrainings: number;
    readonly left: Sharing['left'] & { readonly trainingSeconds: number | null };
  };
  readonly time: { readonly trainingSeconds: number | null; readonly basis: string };
  readonly evaluations: { readonly numPerArm: number; readonly benchmarks: readonly Power[] };
}

export interface PreviewWish {
  readonly job: JsonObject;
  /** Undefined: the window's first. */
  readonly step: number | undefined;
  readonly arm: 'intervention' | 'placebo';
}

const JSON_BODY = { 'content-type': 'application/json' };

export const planning = {
  training: (model: string) => call<ModelTraining>(apiAddress(`models/${encodeURIComponent(model)}`)),
  preview: (wish: PreviewWish, signal: AbortSignal) =>
    call<BatchPreview>(apiAddress('preview'), {
      ...{ method: 'POST', headers: JSON_BODY, signal },
      body: JSON.stringify({ ...wish, rows: 10 }), // an undefined step is left out
    }),
  estimate: (job: JsonObject, signal: AbortSignal) =>
    call<Estimate>(apiAddress('estimate'), {
      ...{ method: 'POST', headers: JSON_BODY, signal },
      body: JSON.stringify({ job }),
    }),
};
