// The shapes of the answers that tell what a job has recorded, as openapi-schemas.ts has the others.
import { EXTREMES } from '../store/curves.ts';
import { METRIC_NAMES } from '../store/results.ts';
import {
  anyObject,
  arm,
  integer,
  listOf,
  nullable,
  number,
  objectOf,
  text,
  time,
  type Schema,
} from './openapi-schemas.ts';

const byArm = (schema: Schema, description: string): Schema => ({
  type: 'object',
  description,
  additionalProperties: schema,
});
const figures = listOf(nullable(number));
const counts: Schema = { type: 'object', additionalProperties: integer };

const metrics: Schema = {
  type: 'object',
  properties: {
    lossSpikes: byArm(
      listOf(objectOf({ step: integer, lossNats: number, expectedNats: number })),
      'By arm, steps whose loss stands far above the median of those before.',
    ),
    arms: byArm(
      objectOf(Object.fromEntries(METRIC_NAMES.map((name) => [name, figures]))),
      'Columns of equal length by arm; losses in nats per token, null where a figure was not taken. Of points of several steps, means.',
    ),
    stepsPerPoint: { ...integer, description: 'Where a range or a number of points was asked for: steps of a point.' },
    numSteps: byArm(listOf(integer), 'Recorded steps of each point.'),
    extremes: byArm(
      objectOf(Object.fromEntries(EXTREMES.map((name) => [name, objectOf({ min: figures, max: figures })]))),
      'The least and the greatest figure of each point.',
    ),
  },
  required: ['arms', 'lossSpikes'],
};

const itemWords = { biasType: text, occupation: nullable(text), stereotype: nullable(text) };
const itemTexts = {
  ...nullable(listOf(text)),
  description: "The stereotyped one first; null where the benchmark's files are not here.",
};
const textsMissing = { ...nullable(text), description: 'Why there are no texts.' };
const unit: Schema = { enum: ['nats', 'nats per token', 'right answers'] };
const margin: Schema = {
  ...number,
  description: "How far an arm speaks for the first text: a pair's log-likelihoods apart, one text's per token.",
};

/** By name. */
export const recordAnswers: Readonly<Record<string, Schema>> = {
  Metrics: metrics,
  ComparedItems: objectOf({
    ...{ step: integer, steps: listOf(integer), arm, baseline: arm, unit: nullable(unit), textsMissing },
    ...{ biasTypes: counts, occupations: counts, numItems: integer, numMatching: integer, offset: integer },
    items: listOf(
      objectOf({
        ...{ index: integer, ...itemWords, texts: itemTexts, numTokens: listOf(integer) },
        ...{ margins: objectOf({ baseline: nullable(margin), arm: nullable(margin) }), change: nullable(number) },
      }),
    ),
  }),
  ItemHistory: objectOf({
    ...{ index: integer, ...itemWords, unit, numTokens: listOf(integer), texts: itemTexts, textsMissing },
    margins: listOf(
      objectOf({
        ...{ arm, step: integer, margin, logLikelihood: listOf(number) },
        predictions: { ...nullable(listOf(text)), description: 'Of a protocol that asks: the answers.' },
      }),
    ),
  }),
  EditCounts: objectOf({
    ...{ stepsPerPoint: integer, step: listOf(integer) },
    byRule: { type: 'object', additionalProperties: listOf(integer) },
  }),
  Timeline: objectOf({
    events: listOf(objectOf({ id: integer, type: text, data: anyObject, at: time })),
    attempts: listOf(
      objectOf({
        ...{ number: integer, owner: text, host: text, pid: integer, startedAt: time, finishedAt: nullable(time) },
        ...{ outcome: nullable(text), message: nullable(text) },
      }),
    ),
    nextCursor: nullable(text),
  }),
};
