// A job whose dataset lies behind a URL, through the real stack: the same batches as from the same files on a disk, of which only blocks
// that steps read were fetched; and the words for a server that has changed its file.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { prepareDataset } from '../../src/data/replay.ts';
import { datasetCacheFolder, describeDataset, registerDataset } from '../../src/suite/datasets.ts';
import { startRangeServer, type RangeServer } from '../data/range-server.ts';
import { nanoSpec, startTestService, type TestService } from '../support/service.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each job that is accepted starts trainers from sources

const TOKEN = 'a-token-of-the-hub';
let service: TestService;
let server: RangeServer;
beforeAll(async () => {
  server = await startRangeServer();
  service = await startTestService({ hub: { endpoint: server.url, token: TOKEN } });
  service.startWorker();
});
afterAll(async () => {
  await service.stop();
  await server.close();
});

async function register(name: string): Promise<void> {
  const { prefix, ...rest } = await describeDataset(service.home, 'nano-stories');
  for (const ending of ['.bin', '.idx']) server.files.set(`/${name}${ending}`, readFileSync(prefix + ending));
  const description = { ...rest, prefix: `${server.url}/${name}` };
  await prepareDataset(description, { cacheFolder: datasetCacheFolder(service.home, name) });
  registerDataset(service.home, name, description);
}

const spec = { window: { steps: 2 }, training: { rowsPerStep: 4 }, evaluation: { benchmarks: [] } };

interface Edits {
  readonly edits: readonly {
    readonly arm: string;
    readonly sample: number;
    readonly before: string;
    readonly after: string;
  }[];
}

it('trains on the same rows, rewritten alike, and fetches only what steps read', async () => {
  await register('distant');
  const jobs = [];
  for (const dataset of ['nano-stories', 'distant']) {
    const id = await service.submit(nanoSpec({ ...spec, dataset, arms: ['intervention'] }));
    const job = await service.untilOver(id);
    expect(job).toMatchObject({ state: 'succeeded' });
    const { edits } = (await service.get(`/jobs/${id}/edits`)) as Edits;
    jobs.push(edits.map(({ arm, sample, before, after }) => ({ arm, sample, before, after })));
  }
  expect(jobs[0]!.length).toBeGreaterThan(3);
  expect(jobs[1]).toEqual(jobs[0]);
  // 5.9 MB of rows in blocks of 4 MiB: those of step 1330 and of the held-back rows lie in the second.
  const blocks = server.requests.filter(({ path, to }) => path === '/distant.bin' && to > 0).map(({ from }) => from);
  expect(new Set(blocks)).toEqual(new Set([4 * 2 ** 20]));
});

it('fails with the file and both versions when the server has changed it', async () => {
  await register('changed');
  server.etag = '"two"';
  const id = await service.submit(nanoSpec({ ...spec, dataset: 'changed', arms: ['control'] }));
  const job = await service.untilOver(id);
  expect(job).toMatchObject({ state: 'failed', reason: 'bad-data' });
  expect(job.message).toMatch(
    /changed\.bin: expected the file that was read before \(\d+ bytes, "one"\), found \d+ bytes, "two"/,
  );
});

it('reads a gated repository of the hub by its address, and shows the token to nobody but the hub', async () => {
  const store = await startRangeServer(); // where the hub sends whoever may read
  const { prefix, seqLength, batchSize, layout } = await describeDataset(service.home, 'nano-stories');
  for (const ending of ['.bin', '.idx']) {
    const place = `/datasets/lab/stories/resolve/main/rows${ending}`;
    server.files.set(place, Buffer.alloc(0));
    store.files.set(place, readFileSync(prefix + ending));
  }
  server.fault = ({ path, headers }, response) => {
    if (headers.authorization === `Bearer ${TOKEN}`) response.writeHead(302, { location: store.url + path }).end();
    else response.writeHead(401).end();
    return true;
  };
  try {
    const body = { name: 'gated', prefix: 'hf://datasets/lab/stories/rows', layout, seqLength, batchSize };
    expect(await service.post('/datasets', { ...body, prefix: 'hf://lab' })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: '/prefix', detail: expect.stringContaining('expected hf://') as string }] },
    });
    expect((await service.post('/datasets', body)).status).toBe(201);
    const stored = readFileSync(join(service.home, 'datasets', 'gated.json'), 'utf8');
    expect(stored).toContain(`${server.url}/datasets/lab/stories/resolve/main/rows`);
    const id = await service.submit(nanoSpec({ ...spec, dataset: 'gated', arms: ['intervention'] }));
    expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded' });
    expect(store.requests.length).toBeGreaterThan(2);
    expect(store.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    const job = await service.database.prisma.job.findUniqueOrThrow({ where: { id } });
    expect(JSON.stringify(job) + stored).not.toContain(TOKEN);
  } finally {
    server.fault = () => false;
    await store.close();
  }
});
