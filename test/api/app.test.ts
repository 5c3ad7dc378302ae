import { Validator } from '@seriousme/openapi-schema-validator';
import type { Express } from 'express';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createApp } from '../../src/api/app.ts';
import { DataError, InputError } from '../../src/errors.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { openDatabase } from '../../src/store/database.ts';
import { smallCatalog, somePage, testApp } from '../support/api.ts';
import { testDatabase, testDatabaseUrl } from '../support/database.ts';

const database = await testDatabase();
const app = testApp(database);
const emptyFolder = mkdtempSync(join(tmpdir(), 'tiresias-empty-'));
afterAll(() => rmSync(emptyFolder, { recursive: true, force: true }));

describe('health', () => {
  it('answers healthz without the database and readyz with it', async () => {
    expect((await request(app).get('/healthz')).body).toEqual({ status: 'ok' });
    const ready = await request(app).get('/readyz');
    expect([ready.status, ready.body]).toEqual([200, { status: 'ready' }]);
  });

  it('is not ready while a migration is missing', async () => {
    const bare = await testDatabase();
    await bare.pool.query('DELETE FROM "_prisma_migrations"');
    const response = await request(testApp(bare)).get('/readyz');
    expect(response.status).toBe(503);
    expect((response.body as { detail: string }).detail).toContain('_first_tables');
  });

  it('answers 503 and says when to come back while the database is away, and works again after it', async () => {
    const link = await openLink();
    const distant = await openDatabase(link.url);
    const distantApp = testApp(distant);
    expect((await request(distantApp).get('/readyz')).status).toBe(200);
    await link.cut();
    for (const path of ['/readyz', '/v1/jobs', '/v1/jobs/01900000-0000-7000-8000-000000000000']) {
      const response = await request(distantApp).get(path);
      expect(response.status).toBe(503);
      expect(response.headers['retry-after']).toBe('2');
      expect(response.body).toMatchObject({ detail: 'the database is not available; try again soon' });
    }
    await link.mend();
    expect((await request(distantApp).get('/readyz')).status).toBe(200);
    expect((await request(distantApp).get('/v1/jobs')).status).toBe(200);
    await distant.close();
    await link.cut();
  });
});

// A way to the test database that can be cut and mended.
async function openLink() {
  const direct = new URL(await testDatabaseUrl());
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(Number(direct.port), direct.hostname);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy()).pipe(to);
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const url = new URL(direct.href);
  url.port = String(port);
  return {
    url: url.href,
    mend: () => listen(port),
    cut: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        sockets.clear();
      }),
  };
}

describe('problems', () => {
  it('answers 404 for an unknown route and for an unknown method', async () => {
    for (const response of [await request(app).get('/v1/nothing'), await request(app).delete('/v1/jobs')]) {
      expect(response.status).toBe(404);
      expect(response.type).toBe('application/problem+json');
      expect(response.body).toMatchObject({ type: 'about:blank', status: 404, title: 'Not found' });
    }
  });

  it('answers a malformed path with 400', async () => {
    expect((await request(app).get('/v1/jobs/%E0%A4%A')).status).toBe(400);
  });

  it('never shows a stack or the words of a bug', async () => {
    const broken = createApp({
      database,
      webFolder: emptyFolder,
      catalog: {
        ...smallCatalog,
        models: () => {
          throw new Error('secret words');
        },
        datasets: () => Promise.reject(new DataError('registered.json: expected an object')),
        checkSpec: () => {
          throw new InputError('no such policy', { pointer: '/intervention/policy' });
        },
      },
    });
    const bug = await request(broken).get('/v1/models');
    expect(bug.status).toBe(500);
    expect(bug.body).toEqual({
      type: 'about:blank',
      status: 500,
      title: 'Failure',
      detail: 'a failure of the server; its log says more',
    });
    const damaged = await request(broken).get('/v1/datasets');
    expect(damaged.body).toMatchObject({ status: 500, detail: 'registered.json: expected an object' });
    const spec = { model: 'a', checkpoint: 'step1', dataset: 'b' };
    const faulty = await request(broken).post('/v1/jobs').send(spec);
    expect(faulty.body).toMatchObject({
      status: 422,
      errors: [{ pointer: '/intervention/policy', detail: 'no such policy' }],
    });
    for (const response of [bug, damaged, faulty]) expect(response.text).not.toMatch(/node_modules|\.ts:\d|at /);
  });
});

describe('the catalog', () => {
  it.each(['models', 'datasets', 'benchmarks', 'policies'] as const)('lists %s', async (kind) => {
    const { body } = await request(app).get(`/v1/${kind}`);
    expect(body).toEqual({ [kind]: await smallCatalog[kind]() });
  });
});

describe('the page', () => {
  it('is served at / with headers that forbid foreign scripts and do not insist on HTTPS', async () => {
    const response = await request(app).get('/');
    expect(response.text).toContain('<title>page</title>');
    const policy = response.headers['content-security-policy'] as string;
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect(response.headers['strict-transport-security']).toBeUndefined();
    expect(response.headers['x-powered-by']).toBeUndefined();
  });

  it('is missed with words when it was not built', async () => {
    const response = await request(testApp(database, emptyFolder)).get('/');
    expect(response.body).toMatchObject({ status: 404, detail: 'the page is not built: npm run build' });
  });

  it('serves nothing outside its folder', async () => {
    const response = await request(testApp(database, join(somePage()))).get('/..%2f..%2fetc/passwd');
    expect([400, 403, 404]).toContain(response.status);
    expect(response.text).not.toContain('root:');
  });
});

describe('the documents', () => {
  it('gives the JSON Schema of a job as zod draws it', async () => {
    const { body } = await request(app).get('/v1/schemas/job');
    expect(body).toEqual(z.toJSONSchema(jobSpecSchema, { io: 'input' }));
  });

  it('gives a valid OpenAPI 3.1 document', async () => {
    const { body } = await request(app).get('/v1/openapi.json');
    const validator = new Validator();
    const result = await validator.validate(body as Record<string, unknown>);
    expect(result.errors).toBeUndefined();
    expect(result.valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('serves the same document at /openapi.json, and a page of it that needs nothing from elsewhere and no script', async () => {
    const { body } = await request(app).get('/v1/openapi.json');
    expect((await request(app).get('/openapi.json')).body).toEqual(body);
    const page = await request(app).get('/docs');
    expect(page.type).toBe('text/html');
    expect(page.text).not.toMatch(/<script|https?:\/\/|src=|@import/i);
    for (const [path, methods] of Object.entries((body as { paths: Record<string, object> }).paths)) {
      for (const method of Object.keys(methods)) expect(page.text).toContain(`<b>${method}</b> <code>${path}</code>`);
    }
    const targets = [...page.text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id!);
    expect(targets.length).toBeGreaterThan(20);
    for (const id of targets) expect(page.text).toContain(`id="${id}"`);
    expect(page.text).toContain('&quot;type&quot;:&quot;string&quot;'); // what is shown is escaped
  });

  it('refers only to schemas that it has', async () => {
    const { text, body } = await request(app).get('/v1/openapi.json');
    const { schemas } = (body as { components: { schemas: object } }).components;
    const names = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);
    expect(text.match(/"\$ref":/g)).toHaveLength(names.length);
    expect(new Set(names)).toEqual(new Set(Object.keys(schemas).filter((name) => names.includes(name))));
    expect(schemas).toHaveProperty('JobSpec.properties.model');
  });

  it('describes every route of the application, and no other', async () => {
    const { paths } = (await request(app).get('/v1/openapi.json')).body as { paths: Record<string, object> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    expect(described.sort()).toEqual(routesOf(app).sort());
  });
});

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Record<string, boolean> };
  readonly handle?: { readonly stack?: readonly Layer[] };
}

function routesOf(express: Express): string[] {
  const collect = (layers: readonly Layer[], prefix: string): string[] =>
    layers.flatMap(({ route, handle }) => {
      // Routers are mounted below /v1 only, but for the documents', whose paths are whole.
      if (!route) return collect(handle?.stack ?? [], '/v1');
      const whole = /^\/(v1|docs|openapi)/.test(route.path) ? route.path : `${prefix}${route.path}`;
      return Object.keys(route.methods).map((method) => `${method} ${whole}`);
    });
  return collect((express.router as unknown as { stack: Layer[] }).stack, '');
}
