// The shape of the answer about a job that is not submitted yet; with openapi-schemas.ts and service-schemas.ts all named answers of the OpenAPI document.
import { SHARED_PARTS } from '../shared-keys.ts';
import { PART_STATES } from './sharing.ts';
import { id, integer, listOf, nullable, number, objectOf, place, text, type Schema } from './openapi-schemas.ts';

const power = objectOf({
  ...{ ...place, metric: nullable(text), numItems: integer },
  leastSignificant: { ...nullable(number), description: 'The smallest difference of rates that can be significant.' },
  detectable: {
    ...listOf(objectOf({ shareDiffering: number, difference: nullable(number) })),
    description:
      'The smallest true difference found in 80 % of samples, by the share of items in which the arms differ.',
  },
  observed: nullable({
    ...objectOf({
      ...{ job: id, model: text, step: integer },
      effects: listOf(
        objectOf({
          ...{ metric: text, protocol: text, detectable: nullable(number), numItems: integer, numClusters: integer },
        }),
      ),
    }),
    description: 'What the newest job that scored it could have found.',
  }),
  overReplicates: {
    ...objectOf({
      ...{ numReplicates: integer, basis: text },
      effects: listOf(
        objectOf({ metric: text, standardDeviation: number, numSeeds: integer, detectable: nullable(number) }),
      ),
    }),
    description:
      'The smallest true mean effect over so many model seeds that is found in 80 % of trials, from the spread over seeds that were trained here; no effects where there are none.',
  },
});
export const estimate: Schema = objectOf({
  family: text,
  window: objectOf({ from: integer, to: integer, numSteps: integer }),
  ...{ microBatchSize: integer, recompute: text, resume: text, numParameters: integer, numTokens: integer },
  backend: objectOf({ name: text, basis: text }),
  memory: objectOf({
    ...{ liveBytesPerTrainer: number, residentBytesPerTrainer: number, numTrainersAtOnce: integer },
    ...{ residentBytes: number, machineBytes: number },
  }),
  disk: objectOf({ checkpointBytes: number, numCheckpoints: integer, bytes: number, freeBytes: number }),
  time: objectOf({ trainingSeconds: nullable(number), basis: text }),
  sharing: {
    ...objectOf({
      numTrainings: { ...integer, description: 'Trained arms.' },
      parts: {
        ...listOf(
          objectOf({
            ...{ part: { enum: SHARED_PARTS }, scoring: nullable(objectOf(place)), state: { enum: PART_STATES } },
            by: nullable(objectOf({ job: id, name: text })),
          }),
        ),
        description: 'What it could take over from other jobs, and from which.',
      },
      left: {
        ...objectOf({
          ...{ numTrainings: integer, numTokens: integer, trainingSeconds: nullable(number), diskBytes: number },
        }),
        description: 'For the job itself to do. What is under way elsewhere is not counted; it is waited for.',
      },
      basis: text,
    }),
    description: 'The other figures are of a job that takes nothing over; here is what other jobs have done of it.',
  },
  evaluations: objectOf({ numPerArm: integer, benchmarks: listOf(power) }),
});
