// The shape of the answer about a job that is not submitted yet; with openapi-schemas.ts and service-schemas.ts all named answers of the OpenAPI document.
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
  evaluations: objectOf({ numPerArm: integer, benchmarks: listOf(power) }),
});
