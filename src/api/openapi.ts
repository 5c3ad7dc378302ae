// The OpenAPI 3.1 document: every route of the API with its parameters, bodies and answers. A test compares its paths with the
// routes of the application.
import { ARMS, JOB_STATES } from '../job-spec.ts';
import { componentSchemas, integer, listOf, objectOf, ref, text } from './openapi-schemas.ts';
import type { Schema } from './openapi-schemas.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
  readonly description?: string;
}

interface Operation {
  readonly summary: string;
  readonly answer: Schema;
  readonly status?: 200 | 201 | 202;
  readonly parameters?: readonly Parameter[];
  readonly body?: Schema;
  readonly mediaType?: string;
  /** Statuses of problems beside 500 and 503. */
  readonly problems?: readonly (400 | 404 | 409 | 422)[];
}

const query = (name: string, schema: Schema, required = false): Parameter => ({ name, in: 'query', required, schema });
const id: Parameter = { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } };
const arm: Schema = { enum: ARMS };
const limit = (most: number): Parameter => query('limit', { type: 'integer', minimum: 1, maximum: most, default: 50 });
const catalog = (kind: string): Operation => ({
  summary: `The ${kind} that a job can name.`,
  answer: objectOf({ [kind]: listOf(ref('CatalogEntry')) }),
});
const registering = (kind: string, what: string, body: string, answer: string): Operation => ({
  summary: `Registers ${what} as a ${kind} that a job can name.`,
  body: ref(body),
  answer: objectOf({ [kind]: ref(answer) }),
  status: 201,
  problems: [400, 422],
});
const ofJob = (summary: string, answer: Schema, ...parameters: Parameter[]): Operation => ({
  summary,
  answer,
  parameters: [id, ...parameters],
  problems: parameters.length > 0 ? [400, 404] : [404],
});
const status = objectOf({ status: text });

const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  '/healthz': { get: { summary: 'Whether the process answers.', answer: status } },
  '/readyz': { get: { summary: 'Whether the database answers and has every migration.', answer: status } },
  '/metrics': {
    get: { summary: "Figures of the service in Prometheus' text format.", answer: text, mediaType: 'text/plain' },
  },
  '/v1/jobs': {
    post: {
      summary: 'Submits a job.',
      body: ref('JobSpec'),
      answer: objectOf({ job: ref('Job') }),
      status: 201,
      problems: [400, 422],
    },
    get: {
      summary: 'Jobs, newest first.',
      answer: ref('Jobs'),
      parameters: [
        query('state', { enum: JOB_STATES }),
        query('sweep', { type: 'string', format: 'uuid' }),
        query('cursor', text),
        limit(200),
      ],
      problems: [400],
    },
  },
  '/v1/jobs/{id}': { get: ofJob('One job.', ref('Job')) },
  '/v1/jobs/{id}/cancel': {
    post: { ...ofJob('Asks for the end of a job.', ref('Job')), status: 202, problems: [404, 409] },
  },
  '/v1/jobs/{id}/retry': {
    post: {
      ...ofJob('Queues a failed job again; it goes on from its newest checkpoints.', ref('Job')),
      status: 202,
      problems: [404, 409],
    },
  },
  '/v1/jobs/{id}/events': {
    get: {
      ...ofJob('The events of a job as they happen: state, attempt, step, evaluation, checkpoint, progress.', text, {
        name: 'Last-Event-ID',
        in: 'header',
        required: false,
        schema: text,
        description: 'Go on after this event.',
      }),
      mediaType: 'text/event-stream',
    },
  },
  '/v1/jobs/{id}/metrics': { get: ofJob('The curves of every arm.', ref('Metrics')) },
  '/v1/jobs/{id}/scores': { get: ofJob('Scores with intervals, effects, fidelity, labels.', ref('Scores')) },
  '/v1/jobs/{id}/score-check': {
    get: ofJob(
      'The stored scores beside those that the database computes from all stored items.',
      ref('ScoreChecks'),
      query('step', integer),
    ),
  },
  '/v1/jobs/{id}/items': {
    get: ofJob(
      'The values of every item of one evaluation.',
      ref('Items'),
      query('arm', arm, true),
      query('step', integer, true),
      query('benchmark', text, true),
      query('protocol', text, true),
      query('settings', { ...text, description: 'As JSON; needed where several were scored.' }),
    ),
  },
  '/v1/jobs/{id}/edits': {
    get: ofJob(
      'Samples of the edits made, and the sums over all of them.',
      ref('Edits'),
      query('arm', { ...arm, default: 'intervention' }),
      query('step', integer),
      query('rule', text),
      query('cursor', text),
      limit(500),
    ),
  },
  '/v1/jobs/{id}/checkpoints': {
    get: ofJob('The stored checkpoints.', ref('Checkpoints')),
    post: {
      ...ofJob('Takes in a checkpoint that another engine trained for the job; a worker scores it.', ref('Job')),
      body: ref('OutsideCheckpoint'),
      status: 202,
      problems: [400, 404, 409, 422],
    },
  },
  '/v1/jobs/{id}/manifest': {
    get: ofJob('All that is needed to repeat the job.', { type: 'object', additionalProperties: true }),
  },
  '/v1/sweeps': {
    post: {
      summary: 'Submits a job for every point of a grid, all or none.',
      body: ref('NewSweep'),
      answer: ref('SweepWithJobs'),
      status: 201,
      problems: [400, 422],
    },
    get: {
      summary: 'Sweeps, newest first.',
      answer: objectOf({ sweeps: listOf(ref('Sweep')) }),
      parameters: [limit(200)],
      problems: [400],
    },
  },
  '/v1/sweeps/{id}': {
    get: ofJob(
      'One sweep, its jobs in the order of the grid, and effects over replicates.',
      ref('SweepWithReplicates'),
    ),
  },
  '/v1/compare': {
    get: {
      summary:
        'Jobs side by side: last scores, effects, published figures with their warnings, effects over replicates.',
      answer: ref('Comparison'),
      parameters: [query('jobs', { ...text, description: 'Ids with commas between them, 20 at most.' }, true)],
      problems: [400, 404],
    },
  },
  '/v1/models': {
    get: {
      summary: 'The models of the suites and registered ones; those that a job can name first.',
      answer: objectOf({ models: listOf(ref('Model')) }),
    },
    post: registering('model', 'a checkpoint folder of the server', 'NewModel', 'Model'),
  },
  '/v1/datasets': {
    get: catalog('datasets'),
    post: registering('dataset', 'token files of the server', 'NewDataset', 'CatalogEntry'),
  },
  '/v1/benchmarks': { get: catalog('benchmarks') },
  '/v1/policies': { get: catalog('policies') },
  '/v1/schemas/job': {
    get: {
      summary: 'JSON Schema of what POST /v1/jobs takes.',
      answer: { type: 'object', additionalProperties: true },
    },
  },
  '/v1/openapi.json': {
    get: { summary: 'This document.', answer: { type: 'object', additionalProperties: true } },
  },
};

/** The document, ready to be sent. */
export function openApiDocument(): Record<string, unknown> {
  const paths = Object.entries(operations).map(([path, methods]) => {
    const described = Object.entries(methods).map(([method, operation]) => [method, describe(method, path, operation)]);
    return [path, Object.fromEntries(described) as unknown];
  });
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tiresias',
      version: '1',
      description:
        'Replays the batches a model was going to see, rewrites their gendered pronouns, and measures the effect.',
    },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(paths) as unknown,
    components: { schemas: componentSchemas() },
  };
}

function describe(method: string, path: string, operation: Operation): Record<string, unknown> {
  const { summary, answer, status = 200, parameters, body, mediaType = 'application/json', problems = [] } = operation;
  const words = path
    .replace(/^\/v1/, '')
    .split(/[/.{}]+/)
    .filter(Boolean);
  const operationId = [method, ...words].map((word, index) => (index ? word[0]?.toUpperCase() + word.slice(1) : word));
  const problem = { description: 'Problem', content: { 'application/problem+json': { schema: ref('Problem') } } };
  return {
    operationId: operationId.join(''),
    summary,
    ...(parameters && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      [status]: { description: 'Success', content: { [mediaType]: { schema: answer } } },
      ...Object.fromEntries(problems.map((code) => [code, problem])),
      default: problem,
    },
  };
}
