// The routes of errands – pulls and verifications – for the table of operations.ts. They go out on the network and take the server's disk, so beginning and cancelling
// one is for admins.
import { errandQuerySchema } from './errands.ts';
import { listOf, objectOf, ref } from './openapi-schemas.ts';
import { idempotent, type Operation, type PathOperations } from './operation.ts';

const beginning = (summary: string, body: string): Operation => ({
  summary: `${summary} One that is under way already is answered, too.`,
  headers: idempotent,
  body: ref(body),
  answer: ref('Errand'),
  status: 202,
  problems: [400, 404, 409, 422],
  scope: 'admin',
});

export const errandOperations: Readonly<Record<string, PathOperations>> = {
  '/v1/models/{name}/pull': {
    post: beginning(
      'Begins to fetch a checkpoint of the Pythia suite from the hub and to register it; a stopped pull goes on where it was.',
      'NewPull',
    ),
  },
  '/v1/models/{name}/verify': {
    post: beginning(
      'Begins to check whether checkpoints that are here are what they are called.',
      'NewModelVerification',
    ),
  },
  '/v1/datasets/{name}/verify': {
    post: beginning('Begins to check index, shards and token ids of a dataset.', 'NewDatasetVerification'),
  },
  '/v1/errands': {
    get: {
      summary: 'Pulls and verifications, newest first: those under way, and the newest that are over.',
      answer: objectOf({ errands: listOf(ref('Errand')) }),
      query: errandQuerySchema,
      problems: [400],
    },
  },
  '/v1/errands/{id}': {
    get: {
      summary: 'One pull or verification: how far it is, why it failed, what was found.',
      answer: ref('Errand'),
      problems: [404],
    },
  },
  '/v1/errands/{id}/cancel': {
    post: {
      summary: 'Asks for the end of a pull or verification; what a pull has fetched stays for the next one.',
      answer: ref('Errand'),
      status: 202,
      problems: [404, 409],
      scope: 'admin',
    },
  },
};
