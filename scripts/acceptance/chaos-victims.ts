// Who is killed next. Five workers, or five trainers, that die in a row with no checkpoint in between make a job poison, rightly; chance must not do that, so a
// job that has lost two spares its worker, its trainers and the database until it has saved again. The limits themselves stay as they are.
import type { Random } from '../../src/suite/nano/random.ts';
import { TransientError } from '../../src/errors.ts';
import type { Site } from './chaos.ts';
import { markedProcesses, parentOf } from './processes.ts';

export const VICTIMS = ['trainer', 'worker', 'server', 'postgres'] as const;
export type Victim = (typeof VICTIMS)[number];

/** How often each is drawn, of ten. */
const DRAWS: readonly Victim[] = [
  ...Array<Victim>(4).fill('trainer'),
  ...Array<Victim>(4).fill('worker'),
  'server',
  'postgres',
];
const MOST_LOST = 2;

/** Deaths of trainers by run of deaths: job → checkpoints then, and deaths since. */
const deaths = new Map<string, { readonly numCheckpoints: number; readonly count: number }>();

interface AtWork {
  readonly id: string;
  readonly pid: number;
  readonly num_lost: number;
  readonly num_checkpoints: number;
}

/** A process to kill now; undefined where the draw found none, or one that is spared. */
export async function chooseVictim(
  site: Site,
  random: Random,
): Promise<{ readonly what: Victim; readonly pid: number } | undefined> {
  const what = DRAWS[random.below(DRAWS.length)]!; // below its length
  const draw = random.below(1_000);
  if (what === 'server') return { what, pid: site.server.pid() };
  const atWork = await jobsAtWork(site);
  if (atWork === undefined) return undefined; // the database is away
  const isSpared = ({ num_lost: numLost }: AtWork) => numLost >= MOST_LOST;
  if (what === 'postgres') return atWork.some(isSpared) ? undefined : { what, pid: site.postgres.pid() };
  if (what === 'worker') {
    const { pid } = { pid: site.workers[draw % site.workers.length]!.pid() }; // below its length
    return atWork.some((job) => job.pid === pid && isSpared(job)) ? undefined : { what, pid };
  }
  const trainers = markedProcesses(site.mark, 'jobs/trainer');
  const pid = trainers[draw % Math.max(1, trainers.length)];
  const job = pid === undefined ? undefined : atWork.find((one) => one.pid === parentOf(pid));
  if (pid === undefined || job === undefined) return undefined;
  const earlier = deaths.get(job.id);
  const count = earlier?.numCheckpoints === job.num_checkpoints ? earlier.count : 0;
  if (count >= MOST_LOST) return undefined;
  deaths.set(job.id, { numCheckpoints: job.num_checkpoints, count: count + 1 });
  return { what, pid };
}

/** A checkpoint counts when the newest is another one, because older ones are removed. */
async function jobsAtWork({ database }: Site): Promise<AtWork[] | undefined> {
  try {
    return await database.prisma.$queryRaw<AtWork[]>`
      SELECT job.id, attempt.pid, job.num_lost, coalesce((SELECT sum(c.step) FROM checkpoint AS c JOIN run ON run.id = c.run_id
        WHERE run.job_id = job.id), 0)::int AS num_checkpoints
      FROM job JOIN attempt ON attempt.job_id = job.id AND attempt.number = job.attempt
      WHERE job.owner IS NOT NULL`;
  } catch (error) {
    if (error instanceof TransientError) return undefined;
    throw error;
  }
}

/** What is still there after a while in which it should have ended. */
export async function untilGone(find: () => number[], patienceMs = 30_000): Promise<number[]> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const left = find();
    if (left.length === 0 || Date.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
