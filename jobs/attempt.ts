// One execution of a job: prepare, burn in, its arms side by side or one after the other, conclude. The trainers behind are in work.ts, one arm in arm.ts.
import { ConflictError, messageOf, TransientError } from '../src/errors.ts';
import { ARMS, TRAINED_ARMS, type Arm } from '../src/job-spec.ts';
import type { Database } from '../src/store/database.ts';
import { totalPronounEdits } from '../src/store/edits.ts';
import { setManifest, setPlan, type ClaimedJob } from '../src/store/leases.ts';
import { setRunState } from '../src/store/runs.ts';
import type { HubLogin } from '../src/suite/hub/remote-data.ts';
import { runArm } from './arm.ts';
import { reasonOf, type AttemptEnd, type StopReason } from './ending.ts';
import type { Executor } from './executor/executor.ts';
import { localExecutor } from './executor/local.ts';
import { makeManifest } from './manifest.ts';
import { estimateMoments } from './moments.ts';
import { findWaiting, isTrainedOutside } from './outside.ts';
import { persistently } from './persistence.ts';
import { prepare } from './preparation.ts';
import { progressTracker, type Progress } from './progress.ts';
import { openTrainers, type Trainers, type Work } from './work.ts';

export interface AttemptOptions {
  readonly database: Database;
  readonly home: string;
  /** The hub behind datasets on it. */
  readonly hub?: HubLogin;
  /** Arms trained at once on a back end that uses one core. */
  readonly numCores: number;
  /** What runs the trainers; default: this machine, on so many cores. */
  readonly executor?: Executor;
}

/** Trained first, so that they run side by side; published only waits for a free core. */
const ORDER: readonly Arm[] = [...TRAINED_ARMS, 'published'];

export class Attempt {
  readonly #job: ClaimedJob;
  readonly #options: AttemptOptions;
  readonly #executor: Executor;
  readonly #tracker = progressTracker();
  readonly #trainers: Trainers;

  constructor(job: ClaimedJob, options: AttemptOptions) {
    this.#job = job;
    this.#options = options;
    this.#executor = options.executor ?? localExecutor(options.numCores);
    this.#trainers = openTrainers(job, this.#executor);
  }

  get progress(): Progress {
    return this.#tracker.progress;
  }

  /** Ends the attempt: trainers save and stop; with a lost lease they are left to whoever has it. */
  stop(reason: StopReason): void {
    this.#trainers.stop(reason);
  }

  /** Runs what is left of the job. Throws ConflictError when the lease was lost. */
  async run(): Promise<AttemptEnd> {
    try {
      const work = await this.#prepare();
      const burnIn = await estimateMoments(work);
      await this.#runArms(work, burnIn);
      return this.#trainers.ending() ?? (await conclude(work));
    } catch (error) {
      if (error instanceof ConflictError || error instanceof TransientError) throw error;
      this.#trainers.kill();
      return { outcome: 'failed', reason: reasonOf(error), message: messageOf(error) };
    }
  }

  async #prepare(): Promise<Work> {
    const { spec, plan, fence, start } = this.#job;
    const { database, home, hub, numCores } = this.#options;
    const preparation = await prepare(spec, plan, home, { hub, numCores, start });
    await persistently(() => setPlan(database, fence, preparation.plan));
    const manifest = await makeManifest(spec, preparation);
    await persistently(() => setManifest(database, fence, manifest));
    const [tracker, trainers] = [this.#tracker, this.#trainers];
    return { job: this.#job, database, home, preparation, manifest, tracker, trainers, notes: [] };
  }

  async #runArms(work: Work, burnIn: string | undefined): Promise<void> {
    const { plan } = work.preparation;
    const wanted = ORDER.filter((arm) => this.#job.spec.arms.includes(arm));
    const waiting = wanted.filter((arm) => arm !== 'published' || plan.hasPublishedEnd);
    for (const arm of ARMS.filter((arm) => waiting.includes(arm))) {
      this.#tracker.start(arm, plan, plan.from, 'waiting');
    }
    const numAtOnce = this.#executor.numTrainersAtOnce(plan.backend.name);
    const isOver = () => this.#trainers.ending() !== undefined;
    const lanes = Array.from({ length: Math.min(numAtOnce, waiting.length) }, async () => {
      for (let arm = waiting.shift(); arm !== undefined && !isOver(); arm = waiting.shift()) {
        await runArm(work, arm, burnIn);
      }
    });
    await Promise.all(lanes);
  }
}

/** A window without a single pronoun edit is no intervention, unless that was expected. */
async function conclude({ job, database, preparation, notes: before }: Work): Promise<AttemptEnd> {
  const { spec, id, fence } = job;
  const { plan } = preparation;
  const notes = [...before];
  const outside = spec.arms.filter((arm) => isTrainedOutside(spec, arm));
  if (outside.length > 0) {
    const { arms, numCheckpoints, message } = await persistently(() => findWaiting(database, id, spec, preparation));
    if (numCheckpoints === null || arms.length > 0) return { outcome: 'paused', message, numCheckpoints };
    notes.push('trained by GPT-NeoX outside; what was rewritten is what the exports say');
    for (const arm of outside) await persistently(() => setRunState(database, fence, arm, 'succeeded'));
  } else if (spec.arms.includes('intervention')) {
    const numEdits = await persistently(() => totalPronounEdits(database, id, 'intervention'));
    if (numEdits === 0 && !spec.intervention.expectNoEdits) {
      const message = `no pronoun was changed in steps ${plan.from} to ${plan.to}: policy, direction or data are not what was meant; if they are, set intervention.expectNoEdits`;
      return { outcome: 'failed', reason: 'no-edits', message };
    }
    if (numEdits === 0) notes.push('no pronoun was changed');
  }
  if (spec.arms.includes('published') && !plan.hasPublishedEnd) {
    notes.push(`the suite has no checkpoint at step ${plan.to} here, so there is no published arm`);
  }
  return { outcome: 'succeeded', ...(notes.length > 0 && { message: notes.join('; ') }) };
}
