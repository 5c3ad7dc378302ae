// Trial on a machine with graphics cards: a worker of default settings has one slot a card, runs as many jobs at once, and each job's trainers see their own card alone
// and train on it; with twice as many slots, jobs share cards. What trainers see is read from their environment, while they train.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { usableCards } from '../../jobs/machine.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { migrate } from '../../src/store/migrate.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { get, nanoSpec, submit } from './nano-job.ts';
import {
  freePort,
  markedProcesses,
  markOf,
  startServerProcess,
  startWorkerProcess,
  untilReady,
  type Surroundings,
} from './processes.ts';

const MARK = 'card-slots';
const JOBS_PER_SLOT = 2;

/** What was seen of a worker while jobs ran. */
interface Seen {
  /** CUDA_VISIBLE_DEVICES of each trainer. */
  readonly cards: Set<string>;
  mostAtOnce: number;
  numSlots: number;
}

export async function cardSlots(): Promise<void> {
  const numCards = usableCards(undefined, true).length;
  expectTrue('there is a card', numCards > 0);
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-card-slots-'));
  mkdirSync(join(folder, 'home'));
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), ephemeral: true });
  await migrate(postgres.url);
  const logPath = join(folder, 'log');
  const where = { databaseUrl: postgres.url, home: join(folder, 'home'), logPath, settings: markOf(MARK) };
  const port = await freePort();
  const server = startServerProcess(where, port);
  const url = `http://127.0.0.1:${port}`;
  try {
    await untilReady(url);
    for (const slots of [undefined, 2 * numCards]) {
      const numSlots = slots ?? numCards;
      const { cards, ...seen } = await watchJobs(url, where, slots, numSlots);
      console.log(`   trainers saw: ${[...cards].map((card) => `"${card}"`).join(', ')}`);
      expectTrue(`the worker has ${numSlots} slots for ${numCards} cards`, seen.numSlots === numSlots);
      expectWithin('jobs at once', seen.mostAtOnce, numSlots, numSlots);
      expectTrue('each card was used, and each trainer saw one', cards.size === numCards && [...cards].every(isOne));
    }
  } catch (error) {
    console.error(readFileSync(logPath, 'utf8').slice(-4_000));
    throw error;
  } finally {
    server.kill('SIGTERM');
    await server.ended;
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const isOne = (card: string) => card !== '' && !card.includes(',');

/** Runs jobs on a worker of `slots` slots, or as many as it takes by itself, and looks at it until all have succeeded. */
async function watchJobs(url: string, where: Surroundings, slots: number | undefined, numSlots: number): Promise<Seen> {
  const settings = { ...where.settings, ...(slots !== undefined && { TIRESIAS_SLOTS: String(slots) }) };
  const worker = startWorkerProcess({ ...where, settings });
  const seen: Seen = { cards: new Set(), mostAtOnce: 0, numSlots: 0 };
  try {
    const spec = { backend: 'cuda', window: { steps: 20 }, training: { shareArms: false } } as const;
    const evaluation = { benchmarks: [], atStart: false };
    const numJobs = JOBS_PER_SLOT * numSlots;
    const names = Array.from({ length: numJobs }, (_, job) => `cards: ${job}`);
    const ids = await Promise.all(names.map((name) => submit(url, nanoSpec({ name, ...spec, evaluation }))));
    for (;;) {
      const states = await Promise.all(
        ids.map((id) => get<{ state: string; message: string | null }>(`${url}/v1/jobs/${id}`)),
      );
      const failed = states.find(({ state }) => state === 'failed');
      if (failed !== undefined) throw new Error(`a job failed: ${failed.message}`);
      if (states.every(({ state }) => state === 'succeeded')) return seen;
      seen.mostAtOnce = Math.max(seen.mostAtOnce, states.filter(({ state }) => state === 'running').length);
      const { workers } = await get<{ workers: { numSlots: number }[] }>(`${url}/v1/workers`);
      seen.numSlots = workers[0]?.numSlots ?? seen.numSlots;
      const visible = markedProcesses(MARK, 'trainer').map(visibleTo);
      for (const card of visible) if (card !== undefined) seen.cards.add(card);
      await sleep(250);
    }
  } finally {
    worker.kill('SIGTERM');
    await worker.ended;
  }
}

/** CUDA_VISIBLE_DEVICES in a process's environment, "" where it is not set; undefined where the process has ended. */
function visibleTo(pid: number): string | undefined {
  const name = 'CUDA_VISIBLE_DEVICES=';
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return entries.find((entry) => entry.startsWith(name))?.slice(name.length) ?? '';
  } catch {
    return undefined;
  }
}
