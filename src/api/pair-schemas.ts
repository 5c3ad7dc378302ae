// The shape of what GET /v1/compare/pair answers, beside those of openapi-schemas.ts.
import { arm, effectFigures, id, integer, listOf, objectOf, place, text, type Schema } from './openapi-schemas.ts';

const side = objectOf({ job: id, arm, name: text });

/** By name. */
export const pairAnswers: Readonly<Record<string, Schema>> = {
  PairComparison: objectOf({
    a: side,
    b: side,
    effects: {
      ...listOf(objectOf({ ...place, metric: text, stepA: integer, stepB: integer, ...effectFigures })),
      description: 'a − b, item by item, each at the last step at which it was scored.',
    },
    refused: {
      ...listOf(objectOf({ ...place, detail: text })),
      description: 'What both scored, but not on the same items.',
    },
    labels: listOf(objectOf({ id, arm, ...place, label: text, detail: text })),
  }),
};
