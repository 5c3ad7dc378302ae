// The shapes of the API's answers for its OpenAPI 3.1 document, as JSON Schema 2020-12. What is sent is drawn from zod.
import { P_SCOPE } from '../eval/statistics.ts';
import { ARMS, FAILURE_REASONS, JOB_STATES } from '../job-spec.ts';
import { CONDITIONS } from '../suite/pythia/published.ts';

export type Schema = Readonly<Record<string, unknown>>;

export const text: Schema = { type: 'string' };
export const integer: Schema = { type: 'integer' };
export const number: Schema = { type: 'number' };
export const time: Schema = { type: 'string', format: 'date-time' };
export const id: Schema = { type: 'string', format: 'uuid' };
export const anyObject: Schema = { type: 'object', additionalProperties: true };
export const arm: Schema = { enum: ARMS };

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

export function listOf(items: Schema): Schema {
  return { type: 'array', items };
}

/** An object whose fields are all there. */
export function objectOf(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties, required: Object.keys(properties) };
}

/** The schema, or null. */
export function nullable(schema: Schema): Schema {
  return { anyOf: [schema, { type: 'null' }] };
}

export const place = {
  benchmark: text,
  protocol: text,
  settings: { ...anyObject, description: 'What else the protocol depends on; empty for most.' },
};
export const interval: Schema = {
  description: '95 %; null where it is not estimable, as when all items are equal',
  type: 'array',
  items: number,
  minItems: 2,
  maxItems: 2,
};
const resampling: Schema = {
  ...objectOf({ numDraws: integer, seed: integer }),
  description: 'Of the random draws behind a figure; the same seed gives the same figure.',
};
const uncertainty = { standardError: nullable(number), interval: nullable(interval), numItems: integer };
/** Not in scores that an earlier version stored. */
const origins = {
  intervalMethod: {
    ...nullable(text),
    description: 'The bootstrap by 40 clusters, as many as WinoBias has occupations, covers 93.6 %, not 95.',
  },
  numClusters: integer,
  resampling: nullable(resampling),
};

const score: Schema = {
  type: 'object',
  properties: { arm, step: integer, ...place, metric: text, value: number, ...uncertainty, ...origins },
  required: [
    'arm',
    'step',
    'benchmark',
    'protocol',
    'settings',
    'metric',
    'value',
    'standardError',
    'interval',
    'numItems',
  ],
};

/** Of two arms, item by item. */
export const effectFigures = {
  value: nullable(number),
  ...uncertainty,
  ...origins,
  pValue: nullable(number),
  pScope: { const: P_SCOPE, description: 'What the p speaks of: another training run is not in it.' },
  pAdjusted: { ...nullable(number), description: "By Holm's method, for all tests of the family." },
  family: text,
  test: text,
  detectable: {
    ...nullable(number),
    description: 'The smallest true difference found in 80 % of such samples by a test at 5 %.',
  },
  note: nullable(text),
};

function effect(description: string): Schema {
  return { ...objectOf({ ...place, step: integer, metric: text, ...effectFigures }), description };
}

const publishedScore: Schema = {
  ...objectOf({
    ...{ ...place, step: integer, metric: text, publishedBenchmark: text, model: text, revision: text },
    ...{ condition: { enum: CONDITIONS }, value: number, standardError: nullable(number), numItems: integer },
    ...{ source: text, warnings: listOf(objectOf({ label: text, detail: text })) },
  }),
  description:
    'A published figure of the same model, step and metric; benchmark and protocol are those of the score here beside which it stands.',
};

const takenFrom = { ...nullable(objectOf({ job: id, name: text, run: id })), description: 'Who trained it for all.' };
const takenScores: Schema = {
  ...listOf(objectOf({ ...place, job: id, name: text })),
  description: 'Of a published checkpoint: what another job has scored for it.',
};
const run = objectOf({ arm, state: text, fromStep: integer, toStep: integer, step: integer, takenFrom, takenScores });

export const sender: Schema = {
  ...nullable(objectOf({ name: text, token: nullable(id) })),
  description: 'Name and id of the token that it was sent with; null where the server asked for none.',
};

const job = objectOf({
  ...{ id, name: text, state: { enum: JOB_STATES } },
  reason: nullable({ enum: FAILURE_REASONS }),
  message: nullable(text),
  attempt: integer,
  priority: integer,
  tags: listOf(text),
  spec: { ...anyObject, description: 'The JobSpec with every default filled in.' },
  plan: nullable({ ...anyObject, description: 'What "auto" was resolved to.' }),
  progress: nullable(anyObject),
  sweepId: nullable(id),
  sweepPoint: nullable(anyObject),
  submittedBy: sender,
  start: nullable({
    ...objectOf({ job: id, arm, step: integer, path: text, manifestSha256: text }),
    description: "Of a fork: the checkpoint of another job's run that it starts from.",
  }),
  createdAt: time,
  startedAt: nullable(time),
  finishedAt: nullable(time),
  archivedAt: nullable(time),
  heartbeatAgeMs: nullable(integer),
  heldBy: {
    ...nullable(text),
    description: 'Why no worker can take it while it is queued: it needs more slots than any has.',
  },
  arms: listOf(run),
});

const edit = objectOf({
  step: integer,
  position: integer,
  rule: text,
  row: integer,
  sample: integer,
  before: text,
  after: text,
  contextBefore: text,
  contextAfter: text,
});

const checkpoint = objectOf({
  arm,
  step: integer,
  attempt: integer,
  path: text,
  manifestSha256: text,
  sizeBytes: integer,
  isPinned: { type: 'boolean', description: 'A fork starts from it: it is kept for good.' },
  origin: { type: ['object', 'null'], description: 'Who trained it, when not this program.' },
  recordedAt: time,
});

const model = objectOf({
  name: text,
  suite: { enum: ['nano', 'pythia'] },
  family: { ...text, description: 'Models of one family differ by their seed alone.' },
  seed: nullable(integer),
  isHere: { type: 'boolean', description: 'False: fetch it with `tiresias models pull` before a job names it.' },
  numParameters: integer,
  numLayers: integer,
  hiddenSize: integer,
  endStep: integer,
  trainedOn: nullable({ ...text, description: 'The dataset of its training, registered or not.' }),
  dataset: nullable({ ...text, description: 'The same where a job can name it.' }),
  checkpoints: listOf(objectOf({ checkpoint: text, hasOptimizerState: { type: 'boolean' } })),
  numPublished: { ...integer, description: 'Checkpoints that its suite published.' },
  benchmarks: listOf(text),
  notes: { ...listOf(text), description: 'What is unsure about it.' },
});

const figures = objectOf({ value: number, standardError: nullable(number), numItems: integer });

const previewedEdit = objectOf({
  ...{ rule: text, before: text, after: text, contextBefore: text, contextAfter: text },
});
const preview: Schema = {
  ...objectOf({
    ...{ step: integer, firstSample: integer, numRows: integer, rowLength: integer },
    ...{ sha256Before: text, sha256After: text, numRowsChanged: integer, numEdits: integer },
    editsByRule: { type: 'object', additionalProperties: integer },
    ...{ numTokensCut: integer, numResegmented: integer },
    rows: listOf(
      objectOf({
        ...{ row: integer, sample: integer, before: text, after: text, numTokensCut: integer },
        edits: listOf(previewedEdit),
      }),
    ),
  }),
  description: 'The hashes and counts that a trainer would record of the step, and of some changed rows every edit.',
};

/** By name; what is sent is drawn from zod, in openapi.ts. */
export const answers: Readonly<Record<string, Schema>> = {
  Problem: {
    type: 'object',
    description: 'RFC 9457; `errors` has a JSON pointer to each fault of a submitted document.',
    properties: {
      type: text,
      title: text,
      status: integer,
      detail: text,
      errors: listOf(objectOf({ pointer: text, detail: text })),
    },
    required: ['type', 'title', 'status', 'detail'],
  },
  Job: job,
  Jobs: objectOf({ jobs: listOf(ref('Job')), nextCursor: nullable(text) }),
  Scores: objectOf({
    scores: listOf(score),
    effects: listOf(effect('intervention − control, item by item')),
    noiseFloor: listOf(effect('placebo − control, item by item; empty without that arm')),
    fidelity: listOf(effect('control − published, item by item')),
    labels: listOf(objectOf({ arm, ...place, label: text, detail: text })),
    published: listOf(publishedScore),
  }),
  ScoreChecks: objectOf({
    tolerance: { ...number, description: 'How far the two may lie apart, of their size and at least of one.' },
    numChecked: integer,
    isEqual: { type: 'boolean' },
    checks: listOf(
      objectOf({
        ...{ arm, step: integer, ...place, metric: text, stored: nullable(figures), fromItems: nullable(figures) },
        isEqual: { type: 'boolean' },
      }),
    ),
  }),
  Comparison: objectOf({
    jobs: listOf(ref('Job')),
    metrics: listOf(
      objectOf({
        ...{ ...place, metric: text },
        jobs: listOf(
          objectOf({
            ...{ id, step: integer, effect: nullable(effect('intervention − control, item by item')) },
            scores: {
              type: 'object',
              description: 'By arm.',
              additionalProperties: objectOf({ value: number, ...uncertainty }),
            },
            published: listOf(publishedScore),
          }),
        ),
      }),
    ),
    labels: listOf(objectOf({ id, arm, ...place, label: text, detail: text })),
    replicates: listOf(ref('ReplicateGroup')),
  }),
  Items: objectOf({ items: listOf(anyObject) }),
  Edits: objectOf({
    edits: listOf(edit),
    totals: objectOf({
      numEdits: integer,
      numRowsChanged: integer,
      numRows: integer,
      byRule: { type: 'object', additionalProperties: integer },
    }),
    nextCursor: nullable(text),
  }),
  Checkpoints: objectOf({ checkpoints: listOf(checkpoint) }),
  Session: objectOf({
    access: { enum: ['open', 'tokens'] },
    caller: nullable(objectOf({ name: text, scope: text })),
    csrfToken: { ...nullable(text), description: 'To be sent as x-csrf-token with every change by the page.' },
  }),
  Audit: objectOf({
    events: listOf(
      objectOf({
        ...{ id: integer, tokenId: nullable(id), caller: text, action: text, at: time },
        status: { ...nullable(integer), description: 'Of the answer; null where the server did not live to give one.' },
      }),
    ),
    nextCursor: nullable(text),
  }),
  Preview: preview,
  Model: model,
  CatalogEntry: { type: 'object', properties: { name: text }, required: ['name'], additionalProperties: true },
};
