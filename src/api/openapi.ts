// The OpenAPI 3.1 document, drawn from the table of operations and the schemas that requests are checked by.
import { z } from 'zod';
import { jobSpecSchema } from '../job-spec.ts';
import { newSessionSchema } from './access-schemas.ts';
import { catalogAnswers } from './catalog-schemas.ts';
import { newDatasetSchema, newModelSchema } from './catalog.ts';
import { forkSchema } from './forks.ts';
import { jobChangesSchema } from './jobs.ts';
import { answers, ref, text } from './openapi-schemas.ts';
import type { Schema } from './openapi-schemas.ts';
import { errandAnswers } from './errand-schemas.ts';
import { newPullSchema, newDatasetVerificationSchema, newModelVerificationSchema } from './errands.ts';
import { scopeOf, type Operation } from './operation.ts';
import { operations } from './operations.ts';
import { pairAnswers } from './pair-schemas.ts';
import { estimateSchema, previewSchema } from './planning.ts';
import { recordAnswers } from './record-schemas.ts';
import { outsideCheckpointSchema } from './results.ts';
import { pointsSchema, sweepChangesSchema, sweepSchema } from './sweep-document.ts';
import { sweepAnswers } from './sweep-schemas.ts';
import { serviceAnswers } from './service-schemas.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required: boolean;
  readonly schema: Schema;
  readonly description?: string;
}

export interface OperationObject {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: true; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> } & Readonly<Record<string, unknown>>;
}

/** The document, ready to be sent. */
export function openApiDocument(): OpenApi {
  const paths = Object.entries(operations).map(([path, methods]) => {
    const described = Object.entries(methods).map(
      ([method, operation]) => [method, describe(method, path, operation)] as const,
    );
    return [path, Object.fromEntries(described)] as const;
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
    paths: Object.fromEntries(paths),
    security: [{ token: [] }, { session: [] }],
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token of `tiresias tokens create`.' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'tiresias_session',
          description: 'Of the page; POST /v1/session.',
        },
      },
    },
  };
}

function describe(method: string, path: string, operation: Operation): OperationObject {
  const { summary, answer, status = 200, body, mediaType = 'application/json' } = operation;
  const parameters = parametersOf(method, path, operation);
  const success = { description: 'Success', content: { [mediaType]: { schema: answer } } };
  const isCached = isConditional(method, path, operation);
  return {
    operationId: operationIdOf(method, path),
    summary,
    ...(scopeOf(method, operation) === 'public' && { security: [] }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      [status]: isCached ? { ...success, headers: { ETag: { schema: text } } } : success,
      ...(isCached && { 304: { description: 'Not changed since the ETag in If-None-Match.' } }),
      ...problemsOf(method, operation),
    },
  };
}

function operationIdOf(method: string, path: string): string {
  const words = path
    .replace(/^\/v1/, '')
    .split(/[/.{}]+/)
    .filter(Boolean);
  return [method, ...words].map((word, i) => (i ? word[0]?.toUpperCase() + word.slice(1) : word)).join('');
}

function problemsOf(method: string, { problems = [], ...operation }: Operation): OperationObject['responses'] {
  const problem = { description: 'Problem', content: { 'application/problem+json': { schema: ref('Problem') } } };
  const codes = scopeOf(method, operation) === 'public' ? problems : [...problems, 401, 403, 429];
  return { ...Object.fromEntries(codes.map((code) => [code, problem])), default: problem };
}

/** Answers in JSON carry an ETag, and are not sent again to who has them. */
function isConditional(method: string, path: string, { mediaType }: Operation): boolean {
  return method === 'get' && path.startsWith('/v1/') && mediaType === undefined;
}

function parametersOf(method: string, path: string, operation: Operation): Parameter[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]): Parameter => {
    const schema = name === 'id' ? { ...text, format: 'uuid' } : text;
    return { name: name!, in: 'path', required: true, schema }; // of the match
  });
  const cached = { name: 'If-None-Match', description: 'ETag of an answer that the caller has.' };
  const headers = [...(operation.headers ?? []), ...(isConditional(method, path, operation) ? [cached] : [])];
  return [
    ...inPath,
    ...queryOf(operation),
    ...headers.map((one): Parameter => ({ ...one, in: 'header', required: false, schema: text })),
  ];
}

function queryOf({ query }: Operation): Parameter[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input' });
  return Object.entries(properties).map(([name, schema]): Parameter => {
    const { description, ...rest } = schema as Schema; // of an object's properties only objects are drawn
    const words = typeof description === 'string' ? { description } : {};
    return { name, in: 'query', required: required.includes(name), schema: rest, ...words };
  });
}

/** What is sent, drawn from what it is checked by. */
const BODIES = {
  JobSpec: jobSpecSchema,
  JobChanges: jobChangesSchema,
  NewFork: forkSchema,
  NewPreview: previewSchema,
  NewEstimate: estimateSchema,
  NewSweep: sweepSchema,
  NewPoints: pointsSchema,
  SweepChanges: sweepChangesSchema,
  NewSession: newSessionSchema,
  NewModel: newModelSchema,
  NewDataset: newDatasetSchema,
  OutsideCheckpoint: outsideCheckpointSchema,
  NewPull: newPullSchema,
  NewModelVerification: newModelVerificationSchema,
  NewDatasetVerification: newDatasetVerificationSchema,
} as const;

/** Every named schema of the document. */
function componentSchemas(): Record<string, unknown> {
  const named = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(BODIES)) named.add(schema, { id });
  const { schemas } = z.toJSONSchema(named, { io: 'input', uri: (id) => `#/components/schemas/${id}` });
  const drawn = Object.entries(schemas).map(([id, schema]) => [id, withoutPlace(schema)] as const);
  return {
    ...answers,
    ...catalogAnswers,
    ...errandAnswers,
    ...pairAnswers,
    ...recordAnswers,
    ...serviceAnswers,
    ...sweepAnswers,
    ...Object.fromEntries(drawn),
  };
}

/** What a schema that is a document by itself says of that. */
function withoutPlace(schema: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema' && key !== '$id'));
}
