// 20,000 requests made up from the OpenAPI document against the whole application on the nano suite: no 5xx, every answer as the document says, no unhandled
// rejection, and memory that is level: the heap after a forced collection, of the process that holds both the server and the requests' maker, taken after every tenth of the
// requests, must not rise by more than 15 % from the second tenth to the last; the thread of computations has a heap of its own and is seen in the resident memory only.
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openCatalog } from '../../src/catalog.ts';
import { messageOf } from '../../src/errors.ts';
import { log } from '../../src/log.ts';
import { packagePath } from '../../src/package-root.ts';
import { startServer } from '../../src/server.ts';
import { openDatabase, type Database } from '../../src/store/database.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { createJob } from '../../src/store/jobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createToken } from '../../src/store/tokens.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import { check } from '../../test/support/fuzz-answers.ts';
import { someRequest } from '../../test/support/fuzz.ts';
import { expectTrue, expectWithin } from './expect.ts';

const NUM_REQUESTS = 20_000;
const NUM_PARTS = 10;
const SEED = 1;
const MOST_GROWTH = 0.15;

export async function fuzz(): Promise<void> {
  log.level = 'silent';
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-fuzz-'));
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), ephemeral: true });
  await migrate(postgres.url);
  const database = await openDatabase(postgres.url);
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    await bombard(database, join(folder, 'home'), unhandled);
  } finally {
    process.off('unhandledRejection', note);
    await database.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function bombard(database: Database, home: string, unhandled: readonly unknown[]): Promise<void> {
  const limits = { perToken: 1e9, refused: 1e9 };
  const catalog = openCatalog(home, undefined, [home]);
  const parts = { database, catalog, webFolder: packagePath('dist', 'web'), access: 'tokens', limits } as const;
  const server = await startServer({ host: '127.0.0.1', port: 0 }, parts);
  const { token } = await createToken(database, { name: 'fuzz', scope: 'admin' });
  const spec = jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' });
  const { id } = await createJob(database, { spec });
  const known = [id, 'nano-1m', 'step1330', 'nano-stories', 'nano-crows-pairs', 'likelihood', home];
  const agent = new Agent({ keepAlive: true });
  const collect = garbageCollector();
  const statuses = new Map<number, number>();
  const heaps: number[] = [];
  const startedMs = performance.now();
  try {
    for (let part = 0; part < NUM_PARTS; part++) {
      const property = fc.asyncProperty(someRequest({ url: server.url, token, known }), async (asked) => {
        const status = await check(server.url, asked, agent);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      });
      await fc
        .assert(property, { numRuns: NUM_REQUESTS / NUM_PARTS, seed: SEED + part, endOnFailure: true })
        .catch((error: Error) => {
          throw new Error(`${error.message}\n${messageOf(error.cause)}`); // the trial tells the message only
        });
      collect();
      const { heapUsed, rss } = process.memoryUsage();
      heaps.push(heapUsed);
      console.log(`   ${((part + 1) * NUM_REQUESTS) / NUM_PARTS} requests: heap ${mb(heapUsed)}, resident ${mb(rss)}`);
    }
  } finally {
    agent.destroy();
    await server.close();
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const counts = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  console.log(`   ${NUM_REQUESTS} requests in ${seconds.toFixed(0)} s, by status ${counts.join(', ')}`);
  expectTrue(
    `no rejection was left unhandled (${unhandled.length}: ${String(unhandled[0] ?? '')})`,
    unhandled.length === 0,
  );
  expectWithin('growth of the heap from the second tenth to the last', heaps.at(-1)! / heaps[1]! - 1, -1, MOST_GROWTH); // one of each part
}

function garbageCollector(): () => void {
  setFlagsFromString('--expose_gc');
  return runInNewContext('gc') as () => void; // what the flag exposes
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
