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
import { estimateMoments, type Moments } from './moments.ts';
import { findWaiting, isTrainedOutside } from './outside.ts';
import { persistently } from './persistence.ts';
import { prepare } from './preparation.ts';
import { progressTracker, type Progress } from './progress.ts';
import { needRoom } from './quota.ts';
import { afterBurnIn, sharedKeys } from '../src/shared-keys.ts';
import { isSharing } from './sharing.ts';
import { openTrainers, type Trainers, type Work } from './work.ts';

export interface AttemptOptions {
  readonly database: Database;
  readonly home: string;
  /** The hub behind datasets on it. */
  readonly hub?: HubLogin;
  /** Arms trained at once on a back end that uses one core. */
  readonly numCores: number;
  /** Of the disk; default: none. */
  readonly quotaBytes?: number | undefined;
  /** What runs the trainers; default: this machine, on so many cores. */
  readonly executor?: Executor;
  /** Graphics cards for its trainers, as CUDA_VISIBLE_DEVICES names them; default: those of this process. */
  readonly cards?: readonly string[];
}

/** How long a trainer may say nothing where no executor is given. */
const STALL_MS = 7_200_000;
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
    this.#executor = options.executor ?? localExecutor(options.numCores, STALL_MS);
    this.#trainers = openTrainers(job, this.#executor, options.cards);
  }

  get progress(): Progress {
    return this.#tracker.progress;
  }

  /** Whether another worker may have the job by now. */
  get isLost(): boolean {
    return this.#trainers.isLost();
  }

  /** Ends the attempt: trainers save and stop; with a lost lease they are left to whoever has it. */
  stop(reason: StopReason): void {
    this.#trainers.stop(reason);
  }

  /** Runs what is left of the job. Throws ConflictError when the lease was lost. */
  async run(): Promise<AttemptEnd> {
    try {
      const work = await this.#prepare();
      const arms = ORDER.filter((arm) => this.#isWanted(work, arm));
      for (const arm of ARMS.filter((arm) => arms.includes(arm))) {
        const { plan } = work.preparation;
        this.#tracker.start(arm, plan, plan.from, 'waiting');
      }
      await this.#runArms(work, arms, await this.#moments(work, arms));
      return this.#trainers.ending() ?? (await conclude(work));
    } catch (error) {
      if (error instanceof ConflictError || error instanceof TransientError) throw error;
      this.#trainers.kill();
      if (this.isLost) return { outcome: 'lost' };
      return { outcome: 'failed', reason: reasonOf(error), message: messageOf(error) };
    }
  }

  async #prepare(): Promise<Work> {
    const { id, spec, plan, fence, start } = this.#job;
    const { database, home, hub, numCores } = this.#options;
    const preparation = await prepare(spec, plan, home, { hub, numCores, start });
    await persistently(() => setPlan(database, fence, preparation.plan));
    const manifest = await makeManifest(spec, preparation);
    await persistently(() => setManifest(database, fence, manifest));
    await needRoom(this.#options, id, spec, preparation);
    const [tracker, trainers] = [this.#tracker, this.#trainers];
    const keys = isSharing(spec, preparation, this.#executor) ? sharedKeys(manifest, preparation) : undefined;
    return { job: this.#job, database, home, preparation, manifest, keys, tracker, trainers, notes: [] };
  }

  #isWanted({ preparation }: Work, arm: Arm): boolean {
    return this.#job.spec.arms.includes(arm) && (arm !== 'published' || preparation.plan.hasPublishedEnd);
  }

  /** While another job burns in for this one, too, the arm that starts from no moments goes first. */
  async #moments(work: Work, arms: readonly Arm[]): Promise<Moments | undefined> {
    let moments = await estimateMoments(work, 'later');
    if (moments !== 'held') return moments;
    await this.#runArms(
      work,
      arms.filter((arm) => arm === 'published'),
      undefined,
    );
    moments = await estimateMoments(work, 'wait');
    return moments === 'held' ? undefined : moments; // held still: the attempt is over
  }

  /** Side by side as the executor allows; those on which another job is at work come last, and are waited for. */
  async #runArms(shared: Work, arms: readonly Arm[], moments: Moments | undefined): Promise<void> {
    const work = { ...shared, keys: shared.keys && afterBurnIn(shared.keys, moments?.manifestSha256) };
    const waiting = [...arms];
    const held: Arm[] = [];
    const numAtOnce = this.#executor.numTrainersAtOnce(work.preparation.plan.backend.name);
    const isOver = () => this.#trainers.ending() !== undefined;
    const lanes = Array.from({ length: Math.min(numAtOnce, waiting.length) }, async () => {
      for (let arm = waiting.shift(); arm !== undefined && !isOver(); arm = waiting.shift()) {
        if ((await runArm(work, arm, moments?.path, 'later')) === 'held') held.push(arm);
      }
      for (let arm = held.shift(); arm !== undefined && !isOver(); arm = held.shift()) {
        await runArm(work, arm, moments?.path, 'wait');
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
