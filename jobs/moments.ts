// The worker's side of a burn-in: where a job's checkpoint has no optimizer state, a trainer estimates Adam's moments first, once for all attempts.
import { join } from 'node:path';
import { fileSha256 } from '../src/checkpoint/checkpoint.ts';
import { setManifest } from '../src/store/leases.ts';
import { persistently } from './persistence.ts';
import { checkpointFolder, findBurnIn, makeBurnInTask, removeHalfWritten } from './preparation.ts';
import { MOST_CRASHES, type Work } from './work.ts';

/** The folder of the checkpoint from which the trained arms start; undefined where they start from the model's own, or the attempt is over. */
export async function estimateMoments(work: Work): Promise<string | undefined> {
  const { job, home, preparation, trainers } = work;
  const { plan } = preparation;
  if (plan.resume !== 'burn-in' || job.spec.arms.every((arm) => arm === 'published')) return undefined;
  for (let numCrashes = 0; trainers.ending() === undefined;) {
    const found = await findBurnIn(home, job.id, plan);
    if (found !== undefined) return note(work, found);
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

/** The manifest says where the moments come from. */
async function note({ database, job, preparation, manifest }: Work, folder: string): Promise<string> {
  const { from, burnInSteps } = preparation.plan;
  const manifestSha256 = await fileSha256(join(folder, 'manifest.json'));
  const burnIn = { from: from - burnInSteps, to: from, manifestSha256 };
  await persistently(() => setManifest(database, job.fence, { ...manifest, burnIn }));
  return folder;
}
