// The shapes of what the routes of sweeps take and answer, for the OpenAPI document, beside openapi-schemas.ts.
import { HOLDS } from '../store/sweep-limits.ts';
import { SWEEP_STATES } from '../store/sweep-orders.ts';
import { CONDITIONS } from '../suite/pythia/published.ts';
import {
  anyObject,
  id,
  integer,
  interval,
  listOf,
  nullable,
  number,
  objectOf,
  place,
  ref,
  sender,
  text,
  time,
  type Schema,
} from './openapi-schemas.ts';

const replicatedFigure = objectOf({
  ...{ ...place, metric: text, step: integer, value: number, standardError: nullable(number) },
  interval: nullable(interval),
  numReplicates: integer,
  replicates: listOf(objectOf({ seed: nullable(integer), value: number, jobs: listOf(id) })),
});

const replicateGroup: Schema = {
  ...objectOf({
    family: text,
    point: { ...nullable(anyObject), description: 'What the points of the grid share.' },
    jobs: listOf(
      objectOf({
        ...{ id, state: text, model: text, modelSeed: nullable(integer), interventionSeed: nullable(integer) },
      }),
    ),
    refused: {
      ...listOf(objectOf({ id, detail: text })),
      description: "Jobs that repeat another one's training and are no replicates.",
    },
    over: { enum: ['model seeds', 'draws of the rewriting', 'nothing'] },
    numSeeds: integer,
    scope: { ...text, description: 'What the effects speak of: of training only over several model seeds.' },
    effects: { ...listOf(replicatedFigure), description: 'Intervention − control.' },
    scores: { ...listOf(replicatedFigure), description: 'Of the intervention, of the same jobs.' },
  }),
  description:
    "Jobs that differ in seeds alone: mean of intervention − control at the window's end, Student's interval over seeds.",
};

const armFigure = objectOf({
  value: number,
  standardError: nullable(number),
  interval: nullable(interval),
  numItems: integer,
});
const effectFigure: Schema = {
  ...objectOf({
    ...{ value: nullable(number), standardError: nullable(number), interval: nullable(interval), numItems: integer },
    ...{ pValue: nullable(number), pAdjusted: nullable(number), family: text, test: text, note: nullable(text) },
  }),
  description: 'Intervention − control, item by item; null for perplexity, which is compared through its logarithm.',
};
const warnings = listOf(objectOf({ label: text, detail: text }));

const resultRow: Schema = {
  ...objectOf({
    ...{ job: id, name: text, state: text, model: text, modelSeed: nullable(integer) },
    point: { ...anyObject, description: 'The values of the grid and the replicate, by path.' },
    ...{ ...place, metric: text, step: integer },
    published: { ...nullable(armFigure), description: "Of the suite's own checkpoint, scored here." },
    ...{ control: nullable(armFigure), intervention: nullable(armFigure), effect: nullable(effectFigure) },
    publishedFigures: {
      ...listOf(
        objectOf({
          ...{ publishedBenchmark: text, condition: { enum: CONDITIONS }, value: number },
          ...{ standardError: nullable(number), numItems: integer, warnings },
        }),
      ),
      description: 'What others published of the same model, step and metric.',
    },
  }),
  description: "One metric of one job at its window's end.",
};

const dosePoint = objectOf({
  ...{ x: number, value: number, interval: nullable(interval), numJobs: integer },
  over: {
    enum: ['model seeds', 'draws of the rewriting', 'items'],
    description: 'What the interval is over; of a single job: its items.',
  },
  seeds: { ...listOf(nullable(integer)), description: 'Of the models.' },
});
const doseCurve: Schema = {
  ...objectOf({
    axis: { ...text, description: 'The path of the grid whose value is x.' },
    others: { ...anyObject, description: 'What the jobs of the curve share of the other axes.' },
    ...{ family: text, ...place, metric: text },
    intervention: { ...listOf(dosePoint), description: "The intervention arm's score, by x." },
    effect: { ...listOf(dosePoint), description: 'Intervention − control, by x.' },
  }),
  description: 'Jobs that differ in one numeric axis and in seeds alone.',
};

/** By name, beside those of openapi-schemas.ts. */
export const sweepAnswers: Readonly<Record<string, Schema>> = {
  Sweep: objectOf({
    ...{ id, name: text, state: { enum: SWEEP_STATES }, spec: anyObject, createdAt: time, numJobs: integer },
    submittedBy: sender,
    message: { ...nullable(text), description: 'Why it is paused when nobody asked for it.' },
    axes: { ...listOf(text), description: 'The paths of the grid in the order given.' },
    maxParallel: { ...nullable(integer), description: 'Jobs at work at once.' },
    budget: nullable(objectOf({ steps: nullable(integer), hours: nullable(number) })),
    used: objectOf({ steps: integer, hours: number }),
    heldBy: { enum: [...HOLDS, null], description: 'What keeps its queued jobs from being begun now.' },
    stop: { ...nullable(listOf(anyObject)), description: 'Its stop rules.' },
    settled: {
      ...listOf(
        objectOf({
          ...{ point: anyObject, rule: anyObject, numCancelled: integer, settledAt: time },
          found: objectOf({ value: number, interval, over: text, numReplicates: integer }),
        }),
      ),
      description: 'Points that met a rule, and how many of their jobs were not needed.',
    },
    jobsByState: { type: 'object', additionalProperties: integer },
  }),
  SweepPlan: objectOf({
    name: text,
    points: listOf(objectOf({ name: text, point: anyObject })),
    numTrainings: { ...integer, description: 'Trained arms of all jobs, each by itself.' },
    numTrainingsIfShared: { ...integer, description: 'The same when they take controls over from each other.' },
    numDistinctControls: { ...integer, description: 'Controls that differ in something.' },
  }),
  SweepWithJobs: objectOf({ sweep: ref('Sweep'), jobs: listOf(ref('Job')) }),
  SweepWithReplicates: objectOf({
    sweep: ref('Sweep'),
    jobs: listOf(ref('Job')),
    replicates: listOf(ref('ReplicateGroup')),
  }),
  ReplicateGroup: replicateGroup,
  SweepResults: objectOf({
    sweep: ref('Sweep'),
    labels: { ...warnings, description: 'What must be read with the figures.' },
    axes: listOf(objectOf({ path: text, values: listOf({}) })),
    rows: listOf(resultRow),
    doseResponse: listOf(doseCurve),
    replicates: listOf(ref('ReplicateGroup')),
  }),
};
