// One arm of a job from its newest checkpoint to its last score: a trainer that dies is started again, everything they say is recorded in order.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSha256, verifyCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { asStorageError } from '../src/checkpoint/storage-faults.ts';
import { DataError, messageOf } from '../src/errors.ts';
import type { Arm } from '../src/job-spec.ts';
import { log } from '../src/log.ts';
import type { ScoringKey } from '../src/shared-keys.ts';
import { deleteCheckpoint, forgetDamaged, listCheckpoints } from '../src/store/records.ts';
import { ensureRun, setRunState } from '../src/store/runs.ts';
import type { RunningTrainer, TrainerEnd } from './executor/executor.ts';
import { adviceFor, isProbablyMemory } from './out-of-memory.ts';
import { findUnscored, isTrainedOutside } from './outside.ts';
import { persistently } from './persistence.ts';
import { checkpointFolder, makeTask, removeHalfWritten, scoringOnly, type StartCheckpoint } from './preparation.ts';
import { openRecorder } from './recorder.ts';
import { claimPart, claimPublished, type Patience } from './sharing.ts';
import { MOST_CRASHES, type Work } from './work.ts';

/**
 * Runs what is left of the arm, from `burnIn` where it has no checkpoint of its own, or takes it over from a job that has done the same. Returns early when the
 * attempt is over; 'held' when another job is at work on it.
 */
export async function runArm(
  work: Work,
  arm: Arm,
  burnIn: string | undefined,
  patience: Patience,
): Promise<'held' | undefined> {
  const { database, preparation, tracker, trainers } = work;
  const { fence, spec } = work.job;
  const { from: fromStep, to: toStep } = preparation.plan;
  const run = await persistently(() => ensureRun(database, fence, arm, { fromStep, toStep }));
  tracker.start(arm, preparation.plan, run.step, run.state === 'succeeded' ? 'done' : 'loading');
  if (run.state === 'succeeded') return;
  if (isTrainedOutside(spec, arm)) return scoreOutside(work, arm);
  if (arm === 'published' && work.keys !== undefined) return scorePublished(work, work.keys.published, patience);
  if (arm === 'control') {
    const claim = await claimPart(work, arm, patience);
    if (claim.state === 'held') return 'held';
    if (claim.state === 'done') {
      tracker.start(arm, preparation.plan, toStep, 'done');
      return;
    }
  }
  await persistently(() => setRunState(database, fence, arm, 'running'));
  await trainToEnd(work, arm, burnIn);
  if (trainers.ending() === undefined) await persistently(() => setRunState(database, fence, arm, 'succeeded'));
}

/** Scores the published checkpoint in the ways in which no job has done it, and takes over the rest. */
async function scorePublished(
  work: Work,
  wanted: readonly ScoringKey[],
  patience: Patience,
): Promise<'held' | undefined> {
  const { database, job, preparation, tracker, trainers } = work;
  const scored = new Set<ScoringKey>();
  while (trainers.ending() === undefined) {
    const { ours, heldBy } = await claimPublished(work, wanted, patience);
    if (ours.length === 0 && heldBy !== undefined) return 'held';
    if (ours.length === 0) {
      await persistently(() => setRunState(database, job.fence, 'published', 'succeeded'));
      tracker.start('published', preparation.plan, preparation.plan.to, 'done');
      return;
    }
    const lost = ours.find((one) => scored.has(one));
    if (lost !== undefined) throw new Error(`bug: ${lost.benchmark} was scored of published, and is not recorded`);
    for (const one of ours) scored.add(one);
    await persistently(() => setRunState(database, job.fence, 'published', 'running'));
    await trainToEnd({ ...work, preparation: scoringOnly(preparation, ours) }, 'published', undefined);
  }
}

/** One trainer after the other, until one has done its work or the attempt is over. */
async function trainToEnd(work: Work, arm: Arm, burnIn: string | undefined): Promise<void> {
  let newest: { path: string; step: number } | undefined;
  let isKnown = false; // looked for when no trainer of the arm is left at work
  const findStart = async () => {
    if (!isKnown) newest = await newestCheckpoint(work, arm);
    return startOf(arm, newest?.path, burnIn);
  };
  for (let numCrashes = 0; work.trainers.ending() === undefined;) {
    const end = await train(work, arm, findStart);
    if (end === undefined) return;
    const { words, isFault } = end;
    const reached = await newestCheckpoint(work, arm);
    if (isFault) numCrashes = reached?.step === newest?.step ? numCrashes + 1 : 1;
    newest = reached;
    isKnown = true;
    const from = newest?.step ?? work.preparation.plan.from;
    const { id: job, attempt } = work.job;
    log.warn({ job, attempt, arm, words, from }, 'trainer ended; it is started again');
    if (numCrashes >= MOST_CRASHES) giveUp(work, arm, numCrashes, words);
  }
}

/** A trainer that cannot be kept alive: for want of memory, where its death says so. */
function giveUp({ trainers, preparation }: Work, arm: Arm, numCrashes: number, words: string): void {
  const death = `the trainer of ${arm} died ${numCrashes} times with no new checkpoint (${words})`;
  if (!isProbablyMemory(words)) return trainers.fail('poison', death);
  const { plan, model } = preparation;
  const advice = adviceFor({ plan, configPath: model.configPath, backend: plan.backend.name });
  trainers.fail('out-of-memory', `${death}; ${advice}`);
}

/** Another engine trains the arm: what has come of it is scored. */
async function scoreOutside(work: Work, arm: Arm): Promise<undefined> {
  const { database, job, preparation, trainers } = work;
  for (const checkpoint of await persistently(() => findUnscored(database, job.id, arm, preparation))) {
    if (trainers.ending() !== undefined) return;
    const end = await train(work, arm, () => Promise.resolve(checkpoint));
    if (end?.isFault) trainers.fail('poison', `scoring ${arm} at step ${checkpoint.scoreAt} ended: ${end.words}`);
  }
}

/** The run's newest checkpoint whose files are whole; a damaged one is forgotten, and said. No trainer of the arm runs. */
async function newestCheckpoint(
  { database, home, job, notes }: Work,
  arm: Arm,
): Promise<{ path: string; step: number } | undefined> {
  const { id, fence } = job;
  await removeHalfWritten(home, id, arm);
  const rows = await persistently(() => listCheckpoints(database, id, arm));
  for (const { path, step, manifestSha256 } of rows) {
    try {
      const found = await fileSha256(join(path, 'manifest.json'));
      if (found !== manifestSha256) throw new DataError(`${path}/manifest.json: not the one that was recorded`);
      await verifyCheckpoint(path);
      return { path, step };
    } catch (error) {
      const words = messageOf(error);
      log.warn(
        { job: id, attempt: fence.attempt, arm, step, message: words },
        'checkpoint damaged; trying the one before',
      );
      notes.push(`${arm}: the checkpoint of step ${step} was damaged and passed over`);
      await persistently(() => forgetDamaged(database, fence, arm, step, words)); // so that it can be recorded anew
    }
  }
  return undefined;
}

/** Undefined when the arm is done or the attempt over, else what ended its trainer. */
async function train(
  work: Work,
  arm: Arm,
  findStart: () => Promise<StartCheckpoint | undefined>,
): Promise<TrainerEnd | undefined> {
  const { database, home, preparation, tracker, trainers } = work;
  const { id, attempt, spec, fence } = work.job;
  const folder = checkpointFolder(home, id, attempt, arm);
  const task = async () => makeTask(preparation, spec, arm, folder, await findStart());
  let trainerAtWork: RunningTrainer | undefined;
  const recorder = openRecorder({
    ...{ database, fence, arm },
    isGivenUp: () => trainers.isLost(),
    onCheckpoint: () => prune(work, arm),
    onFault: (error) => trainers.stumble(trainerAtWork, error),
  });
  const end = await trainers.run(arm, task, (message, trainer) => {
    trainerAtWork = trainer;
    tracker.hear(arm, message);
    recorder.hear(message);
    if (message.type === 'failed') trainers.fail(message.reason, `${arm}: ${message.message}`);
  });
  await recorder.settled();
  return trainers.ending() === undefined ? end : undefined;
}

/** Keeps the newest and every evaluated one. Row first, then files: nothing that can be resumed from is ever half there. */
async function prune({ database, job, preparation }: Work, arm: Arm): Promise<void> {
  const { keepCheckpoints, evaluateAt } = preparation.plan;
  const rows = await persistently(() => listCheckpoints(database, job.id, arm));
  for (const { step, path } of rows.slice(keepCheckpoints)) {
    if (evaluateAt.includes(step)) continue;
    if (!(await persistently(() => deleteCheckpoint(database, job.fence, arm, step)))) continue;
    await rm(path, { recursive: true, force: true }).catch(async (error: unknown) => {
      throw await asStorageError(error, path);
    });
  }
}

/** Where a trained arm goes on: its own newest checkpoint, else the burn-in's. The published arm is only scored. */
function startOf(arm: Arm, own: string | undefined, burnIn: string | undefined): StartCheckpoint | undefined {
  if (own !== undefined) return { path: own, isOwn: true };
  return burnIn === undefined || arm === 'published' ? undefined : { path: burnIn, isOwn: false };
}
