// What a job shares: before it trains a control, burns in or scores a published checkpoint it asks whether another job has done the same, or is at work on it.
// Who waits holds nothing that another could wait for, because arms that are the job's own come first: so no two jobs wait for each other.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Arm, JobSpec } from '../src/job-spec.ts';
import { claimBurnIn, claimRun, type Claim } from '../src/store/shared-runs.ts';
import type { Executor } from './executor/executor.ts';
import { persistently } from './persistence.ts';
import type { Preparation } from './preparation.ts';
import { mayShare, type SharedPart } from '../src/shared-keys.ts';
import type { Work } from './work.ts';

/** What to do while another job is at work on it: come back later, or wait for it. */
export type Patience = 'later' | 'wait';

const LOOK_MS = 2_000;

/** Whether the job shares anything: not where the manifest does not name the machine that computes, as on Slurm. */
export function isSharing(spec: JobSpec, { plan }: Preparation, { isHere }: Executor): boolean {
  return isHere && mayShare(spec, plan.backend.name);
}

/** Whether jobs that differ in the intervention alone have this arm in common. */
export function isShareable(arm: Arm): arm is 'control' | 'published' {
  return arm === 'control' || arm === 'published';
}

/** Asks for a part of the job: to be done here, done by another job, or held by one that is at work on it, where the attempt would not wait or is over. */
export async function claimPart(work: Work, part: SharedPart, patience: Patience): Promise<Claim> {
  const key = work.keys?.[part];
  if (key === undefined) return { state: 'ours' };
  const { database, job, tracker, trainers } = work;
  for (;;) {
    const claim = await persistently(() =>
      part === 'burn-in' ? claimBurnIn(database, job.fence, key) : claimRun(database, job.fence, part, key),
    );
    if (claim.state !== 'held') return claim;
    tracker.waitFor(part, claim.by.name, work.preparation.plan.burnInSteps);
    if (patience === 'later' || trainers.over.aborted) return claim;
    await sleep(LOOK_MS, undefined, { signal: trainers.over }).catch(() => undefined); // over: the claim is looked at no more
    if (trainers.over.aborted) return claim;
  }
}
