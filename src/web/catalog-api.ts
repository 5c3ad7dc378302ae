// What the API says of models, datasets, benchmarks and policies, whether they are here or not, and registering more of them.
import { apiAddress, call } from './api-call.ts';
import type { JsonObject } from './json-pointer.ts';
import type { JsonSchema } from './json-schema.ts';

export interface CatalogModel {
  readonly name: string;
  readonly suite: 'nano' | 'pythia';
  readonly family: string;
  readonly seed: number | null;
  readonly isHere: boolean;
  readonly numParameters: number;
  readonly numLayers: number;
  readonly hiddenSize: number;
  readonly endStep: number;
  readonly trainedOn: string | null;
  /** The same where it is registered. */
  readonly dataset: string | null;
  readonly checkpoints: readonly { readonly checkpoint: string; readonly hasOptimizerState: boolean }[];
  readonly numPublished: number;
  readonly notes: readonly string[];
}

export interface CatalogDataset {
  readonly name: string;
  readonly layout: string;
  readonly seqLength: number;
  readonly batchSize: number;
  readonly numSamples: number;
  readonly trainSteps?: number;
}

export interface CatalogBenchmark {
  readonly name: string;
  readonly isThere: boolean;
  /** Why it is not there, or not what its name says. */
  readonly detail?: string;
  readonly kind?: string;
  readonly protocols?: readonly string[];
  readonly sha256?: string;
  readonly isOfficial?: boolean;
  readonly source: {
    readonly citation: string;
    readonly licence: string;
    readonly page: string;
    readonly verification: string;
  } | null;
}

export interface CatalogPolicy {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly actsOn: string;
  readonly directions: readonly string[];
}

export type Registrable = 'models' | 'datasets';
const BODY_SCHEMAS = { models: 'NewModel', datasets: 'NewDataset' } as const;

export const catalogApi = {
  models: async () => (await call<{ models: readonly CatalogModel[] }>(apiAddress('models'))).models,
  datasets: async () => (await call<{ datasets: readonly CatalogDataset[] }>(apiAddress('datasets'))).datasets,
  benchmarks: async () =>
    (await call<{ benchmarks: readonly CatalogBenchmark[] }>(apiAddress('benchmarks'))).benchmarks,
  policies: async () => (await call<{ policies: readonly CatalogPolicy[] }>(apiAddress('policies'))).policies,
  /** The JSON Schema of what registering takes. */
  bodySchema: async (kind: Registrable): Promise<JsonSchema> => {
    const { components } = await call<{ components: { schemas: Record<string, JsonSchema> } }>(
      apiAddress('openapi.json'),
    );
    const schema = components.schemas[BODY_SCHEMAS[kind]];
    if (schema === undefined) throw new Error(`the server's document has no ${BODY_SCHEMAS[kind]}`);
    return schema;
  },
  register: (kind: Registrable, body: JsonObject) =>
    call<JsonObject>(apiAddress(kind), {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify(body),
    }),
};
