// Attempts at jobs that may share what they have in common, with stand-ins for trainers (fake-trainer.ts): each is stored, claimed and begun as a worker would.
import { expect } from 'vitest';
import { Attempt } from '../../jobs/attempt.ts';
import type { AttemptEnd } from '../../jobs/ending.ts';
import type { Executor } from '../../jobs/executor/executor.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import type { Database } from '../../src/store/database.ts';
import { createJob, getJob } from '../../src/store/jobs.ts';
import { claim, settle, type ClaimedJob } from '../../src/store/leases.ts';
import { saveAndSay, sayScores, step, trainers, type FakeTrainer } from './fake-trainer.ts';
import { someSpec, until } from './jobs.ts';

const LEASE_MS = 600_000;

export interface Running {
  readonly job: ClaimedJob;
  readonly attempt: Attempt;
  readonly end: Promise<AttemptEnd>;
}

/** What a test does with jobs of a database and a home folder. */
export function openAttempts(database: Database, home: string) {
  /** Stores a job of both trained arms over four steps, unless told otherwise. */
  const store = async (name: string, changes: Partial<JobSpecInput> = {}): Promise<string> => {
    const arms: JobSpecInput['arms'] = ['control', 'intervention'];
    const small = { dataset: 'nano-stories', window: { steps: 4 }, arms, evaluation: { benchmarks: [] } };
    const spec = someSpec({ name, backend: 'wasm', ...small, ...changes });
    return (await createJob(database, { spec })).id;
  };
  /** The next attempt of the job that a worker would take. */
  const begin = async (numCores = 2, executor?: Executor): Promise<Running> => {
    const job = await claim(database, { owner: `owner ${Math.random()}`, host: 'host', pid: 1 }, LEASE_MS);
    if (job === undefined) throw new Error('nothing to claim');
    const attempt = new Attempt(job, { database, home, numCores, ...(executor && { executor }) });
    return { job, attempt, end: attempt.run() };
  };
  const start = async (name: string, changes: Partial<JobSpecInput> = {}, numCores = 2): Promise<Running> => {
    await store(name, changes);
    return begin(numCores);
  };
  const runOf = async ({ job }: Running, arm = 'control') =>
    (await getJob(database, job.id)).runs.find((run) => run.arm === arm);
  /** Settles the job, whose attempt must succeed. */
  const finish = async ({ job, end }: Running): Promise<void> => {
    expect(await end).toEqual({ outcome: 'succeeded' });
    await settle(database, job.fence, 'succeeded');
  };
  return { store, begin, start, runOf, finish };
}

/** The trainer of this arm of the job, as soon as there is a `nth` one. */
export async function trainerOf({ job }: Running, arm: string, nth = 1): Promise<FakeTrainer> {
  const find = () => trainers.filter(({ task }) => task.arm === arm && task.checkpointFolder.includes(job.id));
  await until(() => find().length >= nth, 60_000);
  return find()[nth - 1]!; // waited for
}

/** What was started, by arm. */
export function trained(): string[] {
  return trainers.map(({ task }) => task.arm).sort();
}

/** Takes all steps of the window from `from` on, with scores and a checkpoint at its end. */
export function complete(fake: FakeTrainer, from = 1330): void {
  const numEdits = fake.task.arm === 'control' ? 0 : 2;
  for (let at = from; at < 1334; at++) fake.say(step(at, numEdits));
  fake.say({ type: 'evaluation', step: 1334, evaluation: scoresOf(fake.task.arm) });
  saveAndSay(fake, 1334);
  fake.finish();
}

/** Scores a published checkpoint to the end. */
export function endScoring(fake: FakeTrainer): void {
  sayScores(fake);
  fake.finish();
}

/** Scores of three pairs. */
export function scoresOf(arm: string) {
  const items = [1, 2, 3].map((index) => ({ index, logLikelihood: [-index, -2 * index], numTokens: [4, 4], arm }));
  const value = { value: 1, standardError: 0, interval: null, numItems: 3 };
  const identity = { benchmark: 'some-pairs', protocol: 'likelihood', sha256: 'e'.repeat(64) };
  return { ...identity, numItems: 3, scores: { pctStereotype: value }, items };
}

export function isWaiting({ attempt }: Running, arm: 'control' | 'published', name: string): boolean {
  return attempt.progress.arms[arm]?.phase === `waiting for the ${arm} of job ${name}`;
}
