// The worker's side of a burn-in: where a job's checkpoint has no optimizer state, a trainer estimates Adam's moments first, once for all attempts and for all jobs
// that need the same.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileSha256, verifyCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { messageOf } from '../src/errors.ts';
import { log } from '../src/log.ts';
import { setManifest } from '../src/store/leases.ts';
import { finishBurnIn, redoBurnIn, type Claim, type Origin } from '../src/store/shared-runs.ts';
import { persistently } from './persistence.ts';
import { checkpointFolder, findBurnIn, makeBurnInTask, removeHalfWritten } from './preparation.ts';
import { claimPart, type Patience } from './sharing.ts';
import { MOST_CRASHES, type Work } from './work.ts';

export interface Moments {
  /** The folder of the checkpoint from which the trained arms start. */
  readonly path: string;
  readonly manifestSha256: string;
}

/** The estimated moments; undefined where the arms start from the model's own, or the attempt is over; 'held' while another job estimates them. */
export async function estimateMoments(work: Work, patience: Patience): Promise<Moments | 'held' | undefined> {
  const { job, home, preparation, trainers } = work;
  const { plan } = preparation;
  if (plan.resume !== 'burn-in' || job.spec.arms.every((arm) => arm === 'published')) return undefined;
  for (let numCrashes = 0; trainers.ending() === undefined;) {
    const own = await findBurnIn(home, job.id, plan);
    if (own !== undefined) return noteOwn(work, own);
    const claim = await claimPart(work, 'burn-in', patience);
    if (claim.state === 'held') return 'held';
    if (claim.state === 'done') {
      const taken = await takeOver(work, claim);
      if (taken !== undefined) return taken;
      continue;
    }
    if (numCrashes >= MOST_CRASHES) {
      trainers.fail('poison', `the trainer of the burn-in died ${numCrashes} times`);
      return undefined;
    }
    if (await dies(work)) numCrashes += 1;
  }
  return undefined;
}

/** One trainer of the burn-in from start to end: whether it died. */
async function dies({ job, home, preparation, tracker, trainers }: Work): Promise<boolean> {
  const { from, burnInSteps } = preparation.plan;
  const folder = checkpointFolder(home, job.id, job.attempt, 'burn-in');
  const makeTask = async () => {
    await removeHalfWritten(home, job.id, 'burn-in');
    return makeBurnInTask(preparation, folder);
  };
  tracker.burnIn(0, burnInSteps, null);
  const end = await trainers.run('burn-in', makeTask, (message) => {
    if (message.type === 'failed') trainers.fail(message.reason, `burn-in: ${message.message}`);
    if (message.type !== 'burn-in') return;
    tracker.burnIn(message.step + 1 - (from - burnInSteps), burnInSteps, message.lossNats);
  });
  return end?.isFault !== false;
}

async function noteOwn(work: Work, path: string): Promise<Moments> {
  const { database, job, keys } = work;
  const moments = { path, manifestSha256: await fileSha256(join(path, 'manifest.json')) };
  if (keys !== undefined) await persistently(() => finishBurnIn(database, job.fence, keys['burn-in'], moments));
  await note(work, moments);
  return moments;
}

/** The burn-in of another job where it lies; undefined when its files are not whole: then it is done again. */
async function takeOver(work: Work, { by, burnIn }: Extract<Claim, { state: 'done' }>): Promise<Moments | undefined> {
  const { database, job, tracker, keys, preparation } = work;
  if (burnIn === null || keys === undefined) throw new Error(`bug: the burn-in of job ${by.job} is done, and nowhere`);
  const manifest = join(burnIn.path, 'manifest.json');
  await note(work, burnIn, by); // before the look: what a manifest names is not cleaned up
  try {
    const found = existsSync(manifest) ? await fileSha256(manifest) : 'none';
    if (found !== burnIn.manifestSha256) throw new Error(`${manifest}: not the one that was recorded`);
    await verifyCheckpoint(burnIn.path);
  } catch (error) {
    log.warn(
      { job: job.id, by: by.job, message: messageOf(error) },
      'burn-in of another job damaged; it is done again',
    );
    await persistently(() => redoBurnIn(database, job.fence, keys['burn-in'], by.job));
    return undefined;
  }
  const { burnInSteps } = preparation.plan;
  tracker.burnIn(burnInSteps, burnInSteps, null);
  return burnIn;
}

/** The manifest says where the moments come from. */
async function note(
  { database, job, preparation, manifest }: Work,
  moments: Moments,
  takenFrom?: Origin,
): Promise<void> {
  const { from, burnInSteps } = preparation.plan;
  const burnIn = { from: from - burnInSteps, to: from, manifestSha256: moments.manifestSha256, takenFrom };
  await persistently(() => setManifest(database, job.fence, { ...manifest, burnIn }));
}
