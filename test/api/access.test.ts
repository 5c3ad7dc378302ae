// Who is let in: every route of the API × every kind of token, sessions of the page, forged requests, limits, the audit, and addresses to listen on.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp, type AppParts } from '../../src/api/app.ts';
import { openApiDocument } from '../../src/api/openapi.ts';
import { openCatalog } from '../../src/catalog.ts';
import { startServer } from '../../src/server.ts';
import { createJob } from '../../src/store/jobs.ts';
import { createToken, listTokens, revokeToken, type NewToken } from '../../src/store/tokens.ts';
import { smallCatalog, somePage } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';

const database = await testDatabase();
const parts: AppParts = { database, catalog: smallCatalog, webFolder: somePage(), access: 'tokens' };
const generous = { perToken: 100_000, refused: 100_000 };
const app = createApp({ ...parts, limits: generous });
const UNKNOWN = '01900000-0000-7000-8000-000000000000';
const minimal = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus' };

const make = async (scope: NewToken['scope'], name: string = scope) =>
  (await createToken(database, { name, scope })).token;
const tokens = { read: '', submit: '', admin: '', expired: '', revoked: '', unknown: `tiresias_${'A'.repeat(43)}` };
beforeAll(async () => {
  for (const scope of ['read', 'submit', 'admin'] as const) tokens[scope] = await make(scope);
  const expired = await createToken(database, { name: 'expired', scope: 'admin', lifetimeDays: 1 });
  await database.pool.query(`UPDATE token SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1`, [
    expired.row.id,
  ]);
  const revoked = await createToken(database, { name: 'revoked', scope: 'admin' });
  await revokeToken(database, revoked.row.id);
  Object.assign(tokens, { expired: expired.token, revoked: revoked.token });
});

/** As decided here, apart from the program's own table. */
const PUBLIC = [
  ...['get /healthz', 'get /readyz', 'get /openapi.json', 'get /docs', 'get /v1/openapi.json', 'get /v1/schemas/job'],
  ...['get /v1/session', 'post /v1/session', 'delete /v1/session'],
];
const ADMIN = [
  ...['post /v1/models', 'post /v1/datasets', 'get /v1/audit'],
  ...['models/{name}/pull', 'models/{name}/verify', 'datasets/{name}/verify', 'errands/{id}/cancel'].map(
    (path) => `post /v1/${path}`,
  ),
  ...['drain', 'hold', 'release'].map((order) => `post /v1/workers/{id}/${order}`),
];
const routes = Object.entries(openApiDocument().paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method, path] as const),
);
const neededBy = (method: string, path: string) => {
  if (ADMIN.includes(`${method} ${path}`)) return 'admin' as const;
  return method === 'get' ? ('read' as const) : ('submit' as const);
};
const send = (method: string, path: string, authorization?: string) => {
  const call = request(app)[method as 'get'](path.replace('{id}', UNKNOWN));
  return authorization === undefined ? call : call.set('authorization', authorization);
};

describe('every route', () => {
  it.each(routes)('%s %s lets in whom it should, and nobody else', async (method, path) => {
    if (PUBLIC.includes(`${method} ${path}`)) {
      expect([401, 403]).not.toContain((await send(method, path)).status);
      return;
    }
    for (const wrong of [
      undefined,
      `Bearer ${tokens.unknown}`,
      `Bearer ${tokens.expired}`,
      `Bearer ${tokens.revoked}`,
    ]) {
      const { status, type, headers } = await send(method, path, wrong);
      expect([status, type]).toEqual([401, 'application/problem+json']);
      expect(headers['www-authenticate']).toMatch(/^Bearer/);
    }
    const scopes = ['read', 'submit', 'admin'] as const;
    const needed = neededBy(method, path);
    for (const scope of scopes) {
      const { status } = await send(method, path, `Bearer ${tokens[scope]}`);
      const isEnough = scopes.indexOf(scope) >= scopes.indexOf(needed);
      if (isEnough) expect([401, 403, 429]).not.toContain(status);
      else expect(status).toBe(403);
    }
  });

  it('tells strangers nothing of a route that is not there', async () => {
    expect((await send('get', '/v1/nothing')).status).toBe(401);
    expect((await send('get', '/v1/nothing', `Bearer ${tokens.read}`)).status).toBe(404);
    // As express takes them for the same route.
    for (const path of ['/v1/models/', '/V1/Models']) {
      expect((await request(app).post(path).set('authorization', `Bearer ${tokens.submit}`).send({})).status).toBe(403);
    }
  });

  it.each(['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer a b', 'bearer  x', `Bearer ${'x'.repeat(5_000)}`])(
    'refuses the header "%.20s"',
    async (header) => {
      expect((await send('get', '/v1/jobs', header)).status).toBe(401);
    },
  );
});

describe('a token', () => {
  it('is stored as a hash only, and says when it was used', async () => {
    await send('get', '/v1/jobs', `Bearer ${tokens.read}`);
    const { rows } = await database.pool.query('SELECT * FROM token');
    const stored = JSON.stringify(rows);
    for (const token of Object.values(tokens)) expect(stored).not.toContain(token.slice(9));
    const read = (await listTokens(database)).find(({ name }) => name === 'read');
    expect(read?.lastUsedAt).toBeInstanceOf(Date);
    expect(read).not.toHaveProperty('sha256');
  });

  it('keeps its Idempotency-Keys apart from those of others', async () => {
    const other = await make('submit', 'other');
    const post = (token: string, name: string) =>
      request(app)
        .post('/v1/jobs')
        .set({ authorization: `Bearer ${token}`, 'idempotency-key': 'same' })
        .send({ ...minimal, name });
    expect((await post(tokens.submit, 'mine')).status).toBe(201);
    expect((await post(other, 'theirs')).status).toBe(201);
  });
});

interface SessionAnswer {
  readonly access: string;
  readonly caller: { readonly name: string; readonly scope: string } | null;
  readonly csrfToken: string | null;
}

describe('a session of the page', () => {
  async function signIn(token: string) {
    const response = await request(app).post('/v1/session').send({ token });
    const [cookie = ''] = (response.headers['set-cookie'] as unknown as string[] | undefined) ?? [];
    return { status: response.status, answer: response.body as SessionAnswer, cookie, pair: cookie.split(';')[0]! };
  }

  it('is a cookie that no script and no other site can use, with the scope of its token', async () => {
    const { status, answer, cookie, pair } = await signIn(tokens.submit);
    expect([status, answer.caller]).toEqual([201, { name: 'submit', scope: 'submit' }]);
    expect(cookie).toMatch(/HttpOnly/);
    expect(cookie).toMatch(/SameSite=Strict/);
    expect((await request(app).get('/v1/jobs').set('cookie', pair)).status).toBe(200);
    expect((await request(app).get('/v1/audit').set('cookie', pair)).status).toBe(403);
    const { rows } = await database.pool.query('SELECT sha256 FROM session');
    expect(JSON.stringify(rows)).not.toContain(pair.split('=')[1]);
  });

  it('changes something only with the token that the page alone can know', async () => {
    const { answer, pair } = await signIn(tokens.submit);
    const other = await signIn(tokens.submit);
    const post = (headers: object) =>
      request(app)
        .post('/v1/jobs')
        .set({ cookie: pair, ...headers })
        .send(minimal);
    const before = await database.prisma.job.count();
    for (const headers of [{}, { 'x-csrf-token': 'x' }, { 'x-csrf-token': other.answer.csrfToken ?? '' }]) {
      const forged = await post(headers);
      expect([forged.status, forged.type]).toEqual([403, 'application/problem+json']);
    }
    const token = { 'x-csrf-token': answer.csrfToken ?? '' };
    expect((await post({ ...token, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect(await database.prisma.job.count()).toBe(before);
    expect((await post(token)).status).toBe(201);
    const asked = await request(app).get('/v1/session').set('cookie', pair);
    expect((asked.body as SessionAnswer).csrfToken).toBe(answer.csrfToken);
  });

  it('is refused to who has no valid token, and ends when it is closed, when it expires, and with its token', async () => {
    for (const token of [tokens.unknown, tokens.expired, tokens.revoked])
      expect((await signIn(token)).status).toBe(401);
    const status = async (pair: string) => (await request(app).get('/v1/jobs').set('cookie', pair)).status;
    const closed = await signIn(tokens.read);
    await request(app).delete('/v1/session').set('cookie', closed.pair);
    expect(await status(closed.pair)).toBe(401);
    const { token, row } = await createToken(database, { name: 'short', scope: 'read' });
    const first = await signIn(token);
    await database.pool.query(
      `UPDATE session SET expires_at = clock_timestamp() - interval '1 s' WHERE token_id = $1`,
      [row.id],
    );
    expect(await status(first.pair)).toBe(401);
    const second = await signIn(token);
    expect(await status(second.pair)).toBe(200);
    await revokeToken(database, row.id);
    expect(await status(second.pair)).toBe(401);
    expect(
      ((await request(app).get('/v1/session').set('cookie', second.pair)).body as SessionAnswer).caller,
    ).toBeNull();
  });
});

describe('limits', () => {
  it('are of each token, and of the address of those who have none', async () => {
    const narrow = createApp({ ...parts, limits: { perToken: 3, refused: 2 } });
    const get = (token?: string) => {
      const call = request(narrow).get('/v1/policies');
      return token === undefined ? call : call.set('authorization', `Bearer ${token}`);
    };
    const statuses = [];
    for (let n = 0; n < 4; n++) statuses.push((await get(tokens.read)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await get(tokens.submit)).status).toBe(200);
    const refused = [(await get()).status, (await get(tokens.unknown)).status, await get()] as const;
    expect(refused.slice(0, 2)).toEqual([401, 401]);
    expect([refused[2].status, refused[2].type]).toEqual([429, 'application/problem+json']);
    expect(Number(refused[2].headers['retry-after'])).toBeGreaterThan(0);
    expect((await get(tokens.submit)).status).toBe(200); // who has a token is not kept out by those who have none
  });

  it('of a body hold for strangers before it is read', async () => {
    const huge = await request(app)
      .post('/v1/jobs')
      .send({ ...minimal, name: 'x'.repeat(900_000) });
    expect(huge.status).toBe(401);
  });
});

describe('the audit', () => {
  it('has who asked for which change, with the answer, and no secret; reading is none', async () => {
    await database.pool.query('TRUNCATE audit_event');
    const { id } = await createJob(database, { spec: someSpec() });
    const as = (token: string) => ({ authorization: `Bearer ${token}` });
    await request(app).get('/v1/jobs').set(as(tokens.admin));
    await request(app).post('/v1/models').set(as(tokens.submit)).send({});
    await request(app).post(`/v1/jobs/${id}/cancel`).set(as(tokens.submit));
    await request(app).post('/v1/models').set(as(tokens.admin)).send({ name: 'm', checkpoint: 'step1', folder: '/x' });
    const read = async () => (await request(app).get('/v1/audit?limit=10').set(as(tokens.admin))).body as Audit;
    let audit = await read();
    for (let n = 0; n < 50 && audit.events.some(({ status }) => status === null); n++) audit = await read(); // completed after the answer
    expect(audit.events.map(({ caller, action, status }) => [caller, action, status])).toEqual([
      ['admin', 'POST /v1/models', 201],
      ['submit', `POST /v1/jobs/${id}/cancel`, 202],
    ]);
    const { rows } = await database.pool.query('SELECT * FROM audit_event');
    for (const token of Object.values(tokens)) expect(JSON.stringify(rows)).not.toContain(token);
    const page = (await request(app).get('/v1/audit?limit=1').set(as(tokens.admin))).body as Audit;
    const next = await request(app).get(`/v1/audit?limit=1&cursor=${page.nextCursor}`).set(as(tokens.admin));
    expect((next.body as Audit).events).toMatchObject([{ status: 202 }]);
  });
});

interface Audit {
  readonly events: readonly { readonly caller: string; readonly action: string; readonly status: number | null }[];
  readonly nextCursor: string | null;
}

describe('a server without tokens', () => {
  it('answers under the names of its own machine only', async () => {
    const open = createApp({ ...parts, access: 'open' });
    for (const host of ['localhost', 'LOCALHOST:8642', '127.0.0.1:1', '[::1]:8642']) {
      expect((await request(open).get('/v1/jobs').set('host', host)).status).toBe(200);
    }
    for (const host of ['rebound.example', '127.0.0.1.example:80', '192.168.0.5', 'localhost.example']) {
      expect((await request(open).get('/v1/jobs').set('host', host)).status).toBe(421);
    }
  });

  it('does not listen where others reach it; one with tokens does once there is a valid one', async () => {
    const bare = { ...parts, database: await testDatabase() };
    const listen = (host: string, more: object) => startServer({ host, port: 0 }, { ...bare, ...more });
    await expect(listen('0.0.0.0', { access: 'open' })).rejects.toThrow(
      /0\.0\.0\.0 can be reached from other machines/,
    );
    await expect(listen('::', { access: 'tokens' })).rejects.toThrow(
      /no valid token yet: make a token with `tiresias tokens/,
    );
    const { row } = await createToken(bare.database, { name: 'one', scope: 'read' });
    await (await listen('0.0.0.0', { access: 'tokens' })).close();
    await revokeToken(bare.database, row.id);
    await expect(listen('0.0.0.0', { access: 'tokens' })).rejects.toThrow('no valid token');
    await (await listen('127.0.0.1', { access: 'tokens' })).close();
  });
});

describe('paths that clients name', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'tiresias-roots-'));
  const [home, root, outside] = ['home', 'root', 'outside'].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [home, root, outside, join(outside, 'model')]) mkdirSync(folder);
  writeFileSync(join(outside, 'model', 'config.json'), 'secret words');
  writeFileSync(join(outside, 'tokenizer.json'), 'secret words');
  symlinkSync(outside, join(root, 'link'));
  afterAll(() => rmSync(scratch, { recursive: true }));
  const real = createApp({ ...parts, catalog: openCatalog(home, undefined, [home, root]), limits: generous });
  const post = (path: string, body: object) =>
    request(real).post(`/v1/${path}`).set('authorization', `Bearer ${tokens.admin}`).send(body);
  const model = { name: 'mine-14m', checkpoint: 'step1' };
  const data = { name: 'mine', layout: 'preshuffled', seqLength: 8, batchSize: 4 };

  it.each([
    ['models', { ...model, folder: join(outside, 'model') }, '/folder'],
    ['models', { ...model, folder: join(root, '..', 'outside', 'model') }, '/folder'],
    ['models', { ...model, folder: join(root, 'link', 'model') }, '/folder'],
    ['models', { ...model, folder: `${root}-beside` }, '/folder'],
    ['models', { ...model, folder: '/' }, '/folder'],
    ['models', { ...model, folder: join(root, 'x'), tokenizer: join(outside, 'tokenizer.json') }, '/tokenizer'],
    ['datasets', { ...data, prefix: join(outside, 'rows') }, '/prefix'],
    ['datasets', { ...data, prefix: '/etc/passwd' }, '/prefix'],
    ['datasets', { ...data, prefix: join(root, 'link', 'rows') }, '/prefix'],
  ])('of %s lie below the registered folders: %j', async (kind, body, pointer) => {
    const { status, body: answer, text } = await post(kind, body);
    expect(status).toBe(422);
    expect(answer).toMatchObject({
      errors: [{ pointer, detail: expect.stringContaining('TIRESIAS_ROOTS') as string }],
    });
    expect(text).not.toContain('secret');
  });

  it('are looked at where they do', async () => {
    const { body } = await post('models', { ...model, folder: join(root, 'missing') });
    expect(body).toMatchObject({
      errors: [{ pointer: '/folder', detail: expect.stringContaining('holds no weights') as string }],
    });
  });

  it('of outside checkpoints lie in the folder of their job', async () => {
    const { id } = await createJob(database, { spec: someSpec() });
    const origin = { engine: 'gpt-neox', folder: '/f', files: {}, exportManifestSha256: null };
    const checkpoint = { arm: 'control', step: 1340, manifestSha256: 'a'.repeat(64), sizeBytes: 1, origin };
    const place = join(home, 'jobs', id, 'outside');
    for (const path of ['/etc', join(home, 'jobs', UNKNOWN, 'outside', 'x'), join(place, '..', '..', 'x'), place]) {
      const { status, body } = await post(`jobs/${id}/checkpoints`, { ...checkpoint, path });
      expect([status, body]).toMatchObject([422, { errors: [{ pointer: '/path' }] }]);
    }
    // What is wrong then is the job, which this program trains.
    const { body } = await post(`jobs/${id}/checkpoints`, { ...checkpoint, path: join(place, 'control', 'step-1340') });
    expect(body).toMatchObject({ status: 400, detail: expect.stringContaining('is trained here') as string });
  });

  it.each(['../../etc/passwd', 'a/../../b', 'a..b', '/etc/passwd', 'nano-1m/../x', 'C:\\x', 'a\0b', '..'])(
    'are none of the names %j',
    async (name) => {
      const named = { model: name, checkpoint: 'step1', dataset: name, evaluation: { benchmarks: [name] } };
      const { status, body } = await post('jobs', named);
      expect(status).toBe(422);
      const pointers = (body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);
      expect(pointers).toEqual(expect.arrayContaining(['/model', '/dataset']));
      for (const [kind, document] of [
        ['models', { ...model, folder: root }],
        ['datasets', { ...data, prefix: root }],
      ] as const)
        expect((await post(kind, { ...document, name })).status).toBe(422);
    },
  );

  it.each([
    '/%2e%2e/%2e%2e/etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/....//etc/passwd',
    '/%5c..%5c..%5cetc',
    '/.git/config',
  ])('are none of the addresses below the page: %s', async (path) => {
    const { status, text } = await request(real).get(path);
    expect([400, 403, 404]).toContain(status);
    expect(text).not.toContain('root:');
  });
});
