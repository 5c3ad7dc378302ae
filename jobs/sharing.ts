// What a job shares: before it trains a control, burns in or scores a published checkpoint it asks whether another job has done the same, or is at work on it.
// Who waits holds nothing that another could wait for, because arms that are the job's own come first: so no two jobs wait for each other.
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobSpec } from '../src/job-spec.ts';
import { mayShare, type ScoringKey } from '../src/shared-keys.ts';
import { claimScores, type ScoreClaims } from '../src/store/published-scores.ts';
import { claimBurnIn, claimControl, type Claim } from '../src/store/shared-runs.ts';
import type { Executor } from './executor/executor.ts';
import { persistently } from './persistence.ts';
import type { Preparation } from './preparation.ts';
import type { Work } from './work.ts';

/** What to do while another job is at work on it: come back later, or wait for it. */
export type Patience = 'later' | 'wait';

const LOOK_MS = 2_000;

/** Whether the job shares anything: not where the manifest does not name the machine that computes, as on Slurm. */
export function isSharing(spec: JobSpec, { plan }: Preparation, { isHere }: Executor): boolean {
  return isHere && mayShare(spec, plan.backend.name);
}

/** Asks for the control or the burn-in of the job: to be done here, done by another job, or held by one that is at work on it, where the attempt would not wait or is over. */
export async function claimPart(work: Work, part: 'control' | 'burn-in', patience: Patience): Promise<Claim> {
  const key = work.keys?.[part];
  if (key === undefined) return { state: 'ours' };
  const { database, job, tracker, trainers } = work;
  const ask = part === 'burn-in' ? claimBurnIn : claimControl;
  for (;;) {
    const claim = await persistently(() => ask(database, job.fence, key));
    if (claim.state !== 'held') return claim;
    tracker.waitFor(part, claim.by.name, work.preparation.plan.burnInSteps);
    if (patience === 'later' || trainers.over.aborted) return claim;
    await pause(work);
    if (trainers.over.aborted) return claim;
  }
}

/** Asks for the scores of the published checkpoint that the job does not have yet: there are some to be scored here, or some on which another job is at work, or neither. */
export async function claimPublished(
  work: Work,
  wanted: readonly ScoringKey[],
  patience: Patience,
): Promise<ScoreClaims<ScoringKey>> {
  const { database, job, preparation, tracker, trainers } = work;
  for (;;) {
    const claims = await persistently(() => claimScores(database, job.fence, preparation.plan.to, wanted));
    if (claims.ours.length > 0 || claims.heldBy === undefined) return claims;
    tracker.waitFor('published', claims.heldBy.name, 0);
    if (patience === 'later' || trainers.over.aborted) return claims;
    await pause(work);
    if (trainers.over.aborted) return claims;
  }
}

async function pause({ trainers }: Work): Promise<void> {
  await sleep(LOOK_MS, undefined, { signal: trainers.over }).catch(() => undefined); // over: the claim is looked at no more
}
