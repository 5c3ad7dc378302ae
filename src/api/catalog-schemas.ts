// The shapes of the catalog's answers for the OpenAPI document; what is sent is drawn from zod, in catalog.ts.
import { integer, listOf, objectOf, text, type Schema } from './openapi-schemas.ts';

const number: Schema = { type: 'number' };
const boolean: Schema = { type: 'boolean' };
const nullableText: Schema = { anyOf: [text, { type: 'null' }] };

/** By name. */
export const catalogAnswers: Readonly<Record<string, Schema>> = {
  ModelTraining: objectOf({
    name: text,
    endStep: integer,
    checkpoints: {
      ...listOf(
        objectOf({
          ...{ step: integer, learningRate: number, isPublished: boolean, isHere: boolean, hasOptimizerState: boolean },
          fault: { ...nullableText, description: 'What its published revision is known to hold instead.' },
          pullCommand: { ...nullableText, description: 'How to fetch it.' },
        }),
      ),
      description: 'Published or here, by step.',
    },
    learningRates: {
      ...objectOf({ step: listOf(integer), learningRate: listOf(number) }),
      description: 'The learning rate of the whole training, columns of one length.',
    },
  }),
};
