// The shapes of the answers on errands for the OpenAPI document; what is sent is drawn from zod, in errands.ts.
import { ERRAND_KINDS, ERRAND_REASONS, ERRAND_STATES } from '../store/errands.ts';
import { id, listOf, nullable, number, objectOf, text, time, type Schema } from './openapi-schemas.ts';

const boolean: Schema = { type: 'boolean' };

const progress = objectOf({
  unit: { enum: ['files', 'tensors', 'samples', 'index entries'], description: 'What numDone counts.' },
  numDone: number,
  numTotal: number,
  doneBytes: { ...nullable(number), description: 'Of a pull, those of an earlier one with them.' },
  totalBytes: nullable(number),
  bytesPerSecond: { ...nullable(number), description: 'Over the last ten seconds.' },
  secondsLeft: nullable(number),
  words: { ...text, description: 'What it is at, or waits for.' },
});

const finding = objectOf({
  checkpoint: { ...nullable(text), description: 'Null of a dataset.' },
  check: text,
  outcome: { enum: ['ok', 'fault', 'not checked'] },
  detail: text,
});

const pulled = objectOf({
  folder: { ...text, description: "Of the server's." },
  revision: text,
  commit: text,
  sizeBytes: number,
  isRegistered: {
    ...boolean,
    description: 'Whether a job can name it: raw training state needs `tiresias checkpoint import` first.',
  },
  notices: { ...listOf(text), description: 'What was done otherwise than asked.' },
});

const verified: Schema = {
  type: 'object',
  properties: {
    isSound: { ...boolean, description: 'Whether no check found a fault.' },
    findings: listOf(finding),
    checkpoints: {
      ...listOf(objectOf({ checkpoint: text, folder: text, sha256: nullable(text) })),
      description: 'Of a model, with the SHA-256 of all parameters as fp32.',
    },
  },
  required: ['isSound', 'findings'],
};

/** By name. */
export const errandAnswers: Readonly<Record<string, Schema>> = {
  Errand: objectOf({
    id,
    kind: { enum: ERRAND_KINDS },
    name: { ...text, description: 'Of the model or the dataset.' },
    checkpoint: { ...nullable(text), description: 'Null for a dataset, and for all checkpoints of a model.' },
    state: {
      enum: ERRAND_STATES,
      description: 'interrupted: its server ended; a pull that is begun again goes on where it stopped.',
    },
    reason: nullable({ enum: ERRAND_REASONS }),
    message: nullable(text),
    progress: nullable(progress),
    result: { anyOf: [pulled, verified, { type: 'null' }], description: 'What was pulled, or what was found.' },
    createdAt: time,
    startedAt: nullable(time),
    finishedAt: nullable(time),
  }),
};
