// Requests made up from the OpenAPI document, most of them nearly right, the others hostile; fuzz-answers.ts judges what they are answered.
import fc from 'fast-check';
import { openApiDocument } from '../../src/api/openapi.ts';

export type Schema = Readonly<Record<string, unknown>>;

export interface FuzzRequest {
  readonly method: string;
  /** With its query, percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  /** The operation that it was made for. */
  readonly operation: string;
}

export interface Fuzzing {
  readonly url: string;
  readonly token: string;
  /** Values that exist: ids, names, paths. */
  readonly known: readonly string[];
}

const DOCUMENT = openApiDocument();
export const DEFINITIONS = inDefinitions(DOCUMENT.components.schemas) as Record<string, Schema>;
export const OPERATIONS = Object.entries(DOCUMENT.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
);

const JOB = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories', window: { steps: 2 } };
/** Bodies that are all right: of those made up of many fields hardly one is. */
const EXAMPLES: Readonly<Record<string, unknown>> = {
  JobSpec: { ...JOB, evaluation: { benchmarks: ['nano-crows-pairs'] } },
  NewSweep: { base: JOB, grid: { 'window.steps': [1, 2] } },
  NewPoints: { grid: { 'window.steps': [3] } },
  SweepChanges: { maxParallel: 2 },
  NewFork: { arm: 'control' },
  NewPreview: { job: { ...JOB, training: { rowsPerStep: 2 } }, rows: 1 },
  NewEstimate: { job: JOB },
};

/** A request for any operation of the document, or none. */
export function someRequest({ token, known }: Fuzzing): fc.Arbitrary<FuzzRequest> {
  const made = OPERATIONS.map((one) => requestOf(one, token, known));
  return fc.oneof({ weight: 19, arbitrary: fc.oneof(...made) }, { weight: 1, arbitrary: strayRequest(token) });
}

function requestOf(
  { method, path, operation }: (typeof OPERATIONS)[number],
  token: string,
  known: readonly string[],
): fc.Arbitrary<FuzzRequest> {
  const { parameters = [], requestBody } = operation;
  const values = parameters.map(({ name, in: place, required, schema }) => {
    const value = fc.oneof(
      {
        weight: 3,
        arbitrary: place === 'path' ? fc.constantFrom(...known) : valueOf(inDefinitions(schema) as Schema, known),
      },
      { weight: 1, arbitrary: hostileText() },
    );
    return fc.record({
      name: fc.constant(name),
      place: fc.constant(place),
      value: required ? value : fc.option(value, { freq: 2 }),
    });
  });
  const sent = requestBody?.content['application/json']?.schema;
  const body =
    sent === undefined
      ? hostileBody(20)
      : fc.oneof(
          { weight: 9, arbitrary: bodyOf(inDefinitions(sent) as Schema, known) },
          { weight: 1, arbitrary: hostileBody(1) },
        );
  return fc
    .record({
      values: fc.tuple(...values),
      extra: rarely(8, hostileQuery()),
      headers: someHeaders(token),
      body,
    })
    .map(({ values, extra, headers, body }) => {
      const textOf = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
      const of = (place: string) => values.filter((one) => one.place === place && one.value !== null);
      const query = [
        ...of('query').map(({ name, value }) => `${name}=${encode(textOf(value))}`),
        ...(extra === undefined ? [] : [extra]),
      ];
      const filled = of('path').reduce(
        (text, { name, value }) => text.replace(`{${name}}`, encode(textOf(value)) || '-'),
        path,
      );
      const own = Object.fromEntries(
        of('header').map(({ name, value }) => [name.toLowerCase(), headerText(textOf(value))]),
      );
      return {
        ...{ method: method.toUpperCase(), path: filled + (query.length === 0 ? '' : `?${query.join('&')}`) },
        ...{ headers: { ...headers, ...own }, body, operation: `${method} ${path}` },
      };
    });
}

/** Any method and path. */
function strayRequest(token: string): fc.Arbitrary<FuzzRequest> {
  const part = fc.oneof(
    hostileText().map(encode),
    fc.constantFrom('v1', 'jobs', '..', '%2e%2e', '%2f', '%00', '%', '%E0%A4%A', 'docs', ''),
  );
  return fc
    .record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE'),
      parts: fc.array(part, { maxLength: 6 }),
      headers: someHeaders(token),
      body: hostileBody(4),
    })
    .map(({ parts, ...rest }) => ({ ...rest, path: `/${parts.join('/')}`, operation: 'none' }));
}

function someHeaders(token: string): fc.Arbitrary<Record<string, string>> {
  return fc
    .record({
      authorization: fc.oneof(
        { weight: 20, arbitrary: fc.constant(`Bearer ${token}`) },
        { weight: 1, arbitrary: hostileText().map((text) => headerText(`Bearer ${text}`)) },
      ),
      'content-type': fc.oneof(
        { weight: 20, arbitrary: fc.constant('application/json') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'text/plain',
            'application/json; charset=utf-7',
            'multipart/form-data',
            'application/json;;',
            '',
          ),
        },
      ),
      'content-encoding': rarely(30, fc.constantFrom('gzip', 'br', 'deflate', 'nonsense')),
      cookie: rarely(
        10,
        hostileText().map((text) => headerText(`tiresias_session=${text}`)),
      ),
      'if-none-match': rarely(10, hostileText().map(headerText)),
      'sec-fetch-site': rarely(10, fc.constantFrom('cross-site', 'same-origin', 'none', 'x')),
      accept: fc.constant('*/*'),
    })
    .map((headers) =>
      Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined)),
    );
}

function bodyOf(schema: Schema, known: readonly string[]): fc.Arbitrary<Buffer> {
  return valueOf(schema, known).map((value) => Buffer.from(JSON.stringify(value) ?? 'null'));
}

function hostileBody(rarity: number): fc.Arbitrary<Buffer | undefined> {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom(
        '{',
        '[',
        '{"a":',
        'null',
        '0',
        '"x"',
        '[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]',
        '{"__proto__":{"a":1}}',
        '\ufeff{}',
      )
      .map(Buffer.from),
    fc.json().map(Buffer.from),
    fc.constant(Buffer.from('['.repeat(50_000))),
  );
  return rarely(rarity, bodies);
}

/** One in so many times; undefined else. */
function rarely<T>(times: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  if (times === 1) return arbitrary;
  return fc.oneof({ weight: times - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
}

function hostileQuery(): fc.Arbitrary<string> {
  return fc.constantFrom(
    'limit=1&limit=2',
    'a[b]=c',
    'limit[]=1',
    'cursor=',
    '__proto__[x]=1',
    '%',
    '%E0%A4%A',
    '&&&=',
    'limit=1e2',
    'state',
  );
}

function hostileText(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '',
      '\0',
      '\ud83d',
      '../../etc/passwd',
      '..',
      '/',
      "'; DROP TABLE job; --",
      'x'.repeat(5_000),
      '__proto__',
      'constructor',
    ),
    fc.constantFrom(
      '-1',
      '0',
      '1e999',
      '99999999999999999999',
      'NaN',
      'true',
      'null',
      '[]',
      '{}',
      '%00',
      '%',
      '\u202e',
      '😀',
    ),
  );
}

function hostileValue(): fc.Arbitrary<unknown> {
  return fc.oneof(
    hostileText(),
    fc.constantFrom<unknown>(null, true, -1, 0, 1e308, -1e308, 2 ** 53, 0.1, [], {}, [[[[[[[[[[[[1]]]]]]]]]]]], [null]),
    fc.jsonValue({ maxDepth: 3 }),
  );
}

/** A value that the schema allows, now and then with a hostile one in some place. */
function valueOf(schema: Schema, known: readonly string[], depth = 0): fc.Arbitrary<unknown> {
  const good = goodValueOf(schema, known, depth);
  return fc.oneof({ weight: 30, arbitrary: good }, { weight: 1, arbitrary: hostileValue() });
}

function goodValueOf(schema: Schema, known: readonly string[], depth: number): fc.Arbitrary<unknown> {
  const inner = (one: unknown) => valueOf(one as Schema, known, depth + 1);
  const { $ref, anyOf, enum: options, const: only, type } = schema as Record<string, never> & { type?: string };
  if (typeof $ref === 'string') {
    const name = ($ref as string).split('/').at(-1)!; // of the document, so it names one of its schemas
    const made = goodValueOf(DEFINITIONS[name]!, known, depth);
    return Object.hasOwn(EXAMPLES, name) ? fc.oneof(made, fc.constant(EXAMPLES[name])) : made;
  }
  if (Array.isArray(anyOf)) return fc.oneof(...(anyOf as unknown[]).map(inner));
  if (Array.isArray(options)) return fc.constantFrom(...(options as unknown[]));
  if (only !== undefined) return fc.constant(only);
  switch (type) {
    case 'object':
      return objectOf(schema, inner, known);
    case 'array':
      return fc.array(inner((schema['items'] as Schema | undefined) ?? {}), { maxLength: 4 });
    case 'integer':
    case 'number': {
      const [min, max] = [Number(schema['minimum'] ?? -10), Number(schema['maximum'] ?? 2_000)];
      const small = Math.min(max, Math.max(min, 1_500));
      return type === 'integer'
        ? fc.oneof(fc.integer({ min: Math.max(min, -(2 ** 31)), max: small }), fc.constantFrom(min, max))
        : fc.double({ min, max: small, noNaN: true });
    }
    case 'boolean':
      return fc.boolean();
    case 'string':
      return fc.oneof(
        { weight: 5, arbitrary: fc.constantFrom(...known) },
        { weight: 1, arbitrary: fc.string({ maxLength: 20 }) },
      );
    default:
      return hostileValue();
  }
}

function objectOf(
  schema: Schema,
  inner: (one: unknown) => fc.Arbitrary<unknown>,
  known: readonly string[],
): fc.Arbitrary<unknown> {
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>;
  const required = (schema['required'] ?? []) as string[];
  const record = fc.record(Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, inner(one)])), {
    requiredKeys: required.filter((key) => Object.hasOwn(properties, key)),
  });
  const { additionalProperties } = schema;
  const isClosed = additionalProperties === false || additionalProperties === undefined;
  const others = fc.dictionary(
    fc.constantFrom(...known, 'intervention.seed', '__proto__', 'a.b'),
    isClosed ? hostileValue() : inner(additionalProperties),
    { maxKeys: 2 },
  );
  return fc.tuple(record, isClosed ? rarely(20, others) : others).map(([own, more]) => ({ ...own, ...more }));
}

/** Percent-encoded as a path or query takes it; what no URL can hold is left in pieces that are no encoding. */
function encode(text: string): string {
  return encodeURIComponent(text.replaceAll(/\p{Surrogate}/gu, '\ufffd'));
}

/** What Node lets into a header. */
function headerText(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?').trim();
}

/** With references as a schema with $defs has them. */
export function inDefinitions(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('#/components/schemas/', '#/$defs/'));
}
