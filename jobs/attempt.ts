// One execution of a job: its arms in trainer processes, everything they say recorded in order under the attempt's fence.
// A trainer that dies is started again from the run's newest checkpoint.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileSha256, verifyCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { asStorageError } from '../src/checkpoint/storage-faults.ts';
import {
  ConflictError,
  DataError,
  InputError,
  messageOf,
  NotFoundError,
  StorageError,
  TransientError,
} from '../src/errors.ts';
import { ARMS, TRAINED_ARMS, type Arm, type FailureReason } from '../src/job-spec.ts';
import { log } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import type { HubLogin } from '../src/suite/hub/remote-data.ts';
import type { RunPlan } from '../src/train/plan.ts';
import type { ClaimedJob } from '../src/store/leases.ts';
import { setManifest, setPlan } from '../src/store/leases.ts';
import { deleteCheckpoint, forgetDamaged, listCheckpoints } from '../src/store/records.ts';
import { totalPronounEdits } from '../src/store/edits.ts';
import { ensureRun, setRunState } from '../src/store/runs.ts';
import type { Executor, RunningTrainer, Task, TrainerEnd } from './executor/executor.ts';
import { localExecutor } from './executor/local.ts';
import { makeManifest } from './manifest.ts';
import type { TrainerMessage } from './messages.ts';
import {
  checkpointFolder,
  findBurnIn,
  makeBurnInTask,
  makeTask,
  prepare,
  removeHalfWritten,
  type Preparation,
  type StartCheckpoint,
} from './preparation.ts';
import { findUnscored, findWaiting, isTrainedOutside } from './outside.ts';
import { progressTracker, type Progress } from './progress.ts';
import { adviceFor, isProbablyMemory } from './out-of-memory.ts';
import { persistently } from './persistence.ts';
import { openRecorder } from './recorder.ts';

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

export interface AttemptEnd {
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'preempted' | 'paused' | 'lost';
  readonly reason?: FailureReason;
  readonly message?: string;
  /** Of a job that waits for outside checkpoints: those that it has; null when there is one to score. */
  readonly numCheckpoints?: number | null;
}

type StopReason = 'cancelled' | 'preempted' | 'lost';

/** How long a trainer may take to save before it is killed. */
const GRACE_MS = 20_000;
/** How long one may say nothing where no executor is given. */
const STALL_MS = 7_200_000;
/** A trainer that dies this often without a new checkpoint is not started again. */
const MOST_CRASHES = 5;
/** Trained first, so that they run side by side; published only waits for a free core. */
const ORDER: readonly Arm[] = [...TRAINED_ARMS, 'published'];

export class Attempt {
  readonly #job: ClaimedJob;
  readonly #options: AttemptOptions;
  readonly #executor: Executor;
  readonly #tracker = progressTracker();
  readonly #trainers = new Set<RunningTrainer>();
  #stopReason: StopReason | undefined;
  #failure: AttemptEnd | undefined;
  #manifest: Record<string, unknown> = {};
  /** What happened that a reader of the result should know. */
  readonly #notes: string[] = [];

  constructor(job: ClaimedJob, options: AttemptOptions) {
    this.#job = job;
    this.#options = options;
    this.#executor = options.executor ?? localExecutor(options.numCores, STALL_MS);
  }

  get progress(): Progress {
    return this.#tracker.progress;
  }

  /** Whether another worker may have the job by now. */
  get isLost(): boolean {
    return this.#stopReason === 'lost';
  }

  /** Ends the attempt: trainers save and stop; with a lost lease they are left to whoever has it. */
  stop(reason: StopReason): void {
    if (this.isLost || this.#stopReason === reason) return;
    this.#stopReason = reason;
    for (const trainer of this.#trainers) this.#halt(trainer);
  }

  /** Runs what is left of the job. Throws ConflictError when the lease was lost. */
  async run(): Promise<AttemptEnd> {
    try {
      const preparation = await this.#prepare();
      const burnIn = await this.#burnIn(preparation);
      await this.#runArms(preparation, burnIn);
      if (this.#failure !== undefined && !this.isLost) return this.#failure; // what fails without a lease is no failure of the job
      if (this.#stopReason !== undefined) return { outcome: this.#stopReason };
      return await this.#conclude(preparation);
    } catch (error) {
      if (error instanceof ConflictError || error instanceof TransientError) throw error;
      for (const trainer of this.#trainers) trainer.kill();
      if (this.isLost) return { outcome: 'lost' };
      return { outcome: 'failed', reason: reasonOf(error), message: messageOf(error) };
    }
  }

  async #prepare(): Promise<Preparation> {
    const { spec, plan, fence, start } = this.#job;
    const { database, home, hub, numCores } = this.#options;
    const preparation = await prepare(spec, plan, home, { hub, numCores, start });
    await persistently(() => setPlan(database, fence, preparation.plan));
    this.#manifest = await makeManifest(spec, preparation);
    await persistently(() => setManifest(database, fence, this.#manifest));
    return preparation;
  }

  /** Where the trained arms start when their checkpoint has no optimizer state; done once for all attempts. */
  async #burnIn(preparation: Preparation): Promise<string | undefined> {
    const { plan } = preparation;
    const { id, attempt, spec } = this.#job;
    const { home } = this.#options;
    if (plan.resume !== 'burn-in' || spec.arms.every((arm) => arm === 'published')) return undefined;
    const folder = checkpointFolder(home, id, attempt, 'burn-in');
    const makeTask = async () => {
      await removeHalfWritten(home, id, 'burn-in');
      return makeBurnInTask(preparation, folder);
    };
    for (let numCrashes = 0; !this.#isOver();) {
      const found = await findBurnIn(home, id, plan);
      if (found !== undefined) return this.#noteBurnIn(found, plan);
      if (numCrashes >= MOST_CRASHES) {
        this.#fail('poison', `the trainer of the burn-in died ${numCrashes} times`);
        return undefined;
      }
      this.#tracker.burnIn(0, plan.burnInSteps, null);
      const end = await this.#launch('burn-in', makeTask, (message) => {
        if (message.type === 'failed') this.#fail(message.reason, `burn-in: ${message.message}`);
        if (message.type !== 'burn-in') return;
        this.#tracker.burnIn(message.step + 1 - (plan.from - plan.burnInSteps), plan.burnInSteps, message.lossNats);
      });
      if (end?.isFault !== false) numCrashes += 1;
    }
    return undefined;
  }

  /** The manifest says where the moments come from. */
  async #noteBurnIn(folder: string, { from, burnInSteps }: RunPlan): Promise<string> {
    const { fence } = this.#job;
    const manifestSha256 = await fileSha256(join(folder, 'manifest.json'));
    const burnIn = { from: from - burnInSteps, to: from, manifestSha256 };
    await persistently(() => setManifest(this.#options.database, fence, { ...this.#manifest, burnIn }));
    return folder;
  }

  async #runArms(preparation: Preparation, burnIn: string | undefined): Promise<void> {
    const { plan } = preparation;
    const wanted = ORDER.filter((arm) => this.#job.spec.arms.includes(arm));
    const waiting = wanted.filter((arm) => arm !== 'published' || plan.hasPublishedEnd);
    for (const arm of ARMS.filter((arm) => waiting.includes(arm))) {
      this.#tracker.start(arm, plan, plan.from, 'waiting');
    }
    const numAtOnce = this.#executor.numTrainersAtOnce(plan.backend.name);
    const lanes = Array.from({ length: Math.min(numAtOnce, waiting.length) }, async () => {
      for (let arm = waiting.shift(); arm !== undefined && !this.#isOver(); arm = waiting.shift()) {
        await this.#runArm(arm, preparation, burnIn);
      }
    });
    await Promise.all(lanes);
  }

  #isOver(): boolean {
    return this.#stopReason !== undefined || this.#failure !== undefined;
  }

  async #runArm(arm: Arm, preparation: Preparation, burnIn: string | undefined): Promise<void> {
    const { fence } = this.#job;
    const { database } = this.#options;
    const { from: fromStep, to: toStep } = preparation.plan;
    const run = await persistently(() => ensureRun(database, fence, arm, { fromStep, toStep }));
    this.#tracker.start(arm, preparation.plan, run.step, run.state === 'succeeded' ? 'done' : 'loading');
    if (run.state === 'succeeded') return;
    if (isTrainedOutside(this.#job.spec, arm)) return this.#scoreOutside(arm, preparation);
    await persistently(() => setRunState(database, fence, arm, 'running'));
    let newest: { path: string; step: number } | undefined;
    let isKnown = false; // looked for when no trainer of the arm is left at work
    const findStart = async () => {
      if (!isKnown) newest = await this.#newestCheckpoint(arm);
      return startOf(arm, newest?.path, burnIn);
    };
    for (let numCrashes = 0; !this.#isOver();) {
      const end = await this.#train(arm, preparation, findStart);
      if (end === undefined) break;
      const { words, isFault } = end;
      const reached = await this.#newestCheckpoint(arm);
      if (isFault) numCrashes = reached?.step === newest?.step ? numCrashes + 1 : 1;
      newest = reached;
      isKnown = true;
      log.warn({ job: this.#job.id, arm, words, from: newest?.step ?? fromStep }, 'trainer ended; it is started again');
      if (numCrashes >= MOST_CRASHES) {
        const death = `the trainer of ${arm} died ${numCrashes} times with no new checkpoint (${words})`;
        this.#giveUp(words, death, preparation);
      }
    }
    if (!this.#isOver()) await persistently(() => setRunState(database, fence, arm, 'succeeded'));
  }

  /** Another engine trains the arm: what has come of it is scored. */
  async #scoreOutside(arm: Arm, preparation: Preparation): Promise<void> {
    const { database } = this.#options;
    const { id } = this.#job;
    for (const checkpoint of await persistently(() => findUnscored(database, id, arm, preparation))) {
      if (this.#isOver()) return;
      const end = await this.#train(arm, preparation, () => Promise.resolve(checkpoint));
      if (end?.isFault) this.#fail('poison', `scoring ${arm} at step ${checkpoint.scoreAt} ended: ${end.words}`);
    }
  }

  /** The run's newest checkpoint whose files are whole; a damaged one is forgotten, and said. No trainer of the arm runs. */
  async #newestCheckpoint(arm: Arm): Promise<{ path: string; step: number } | undefined> {
    const { database, home } = this.#options;
    const { id, fence } = this.#job;
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
        log.warn({ job: id, arm, step, message: words }, 'checkpoint damaged; trying the one before');
        this.#notes.push(`${arm}: the checkpoint of step ${step} was damaged and passed over`);
        await persistently(() => forgetDamaged(database, fence, arm, step, words)); // so that it can be recorded anew
      }
    }
    return undefined;
  }

  /** Undefined when the arm is done or the attempt over, else what ended its trainer. */
  async #train(
    arm: Arm,
    preparation: Preparation,
    findStart: () => Promise<StartCheckpoint | undefined>,
  ): Promise<TrainerEnd | undefined> {
    const { id, attempt, spec } = this.#job;
    const folder = checkpointFolder(this.#options.home, id, attempt, arm);
    const task = async () => makeTask(preparation, spec, arm, folder, await findStart());
    let trainerAtWork: RunningTrainer | undefined;
    const recorder = openRecorder({
      ...{ database: this.#options.database, fence: this.#job.fence, arm },
      isGivenUp: () => this.isLost,
      onCheckpoint: () => this.#prune(arm, preparation.plan),
      onFault: (error) => this.#stumble(trainerAtWork, error),
    });
    const end = await this.#launch(arm, task, (message, trainer) => {
      trainerAtWork = trainer;
      this.#tracker.hear(arm, message);
      recorder.hear(message);
      if (message.type === 'failed') this.#fail(message.reason, `${arm}: ${message.message}`);
    });
    await recorder.settled();
    return this.#isOver() ? undefined : end;
  }

  /** One trainer from start to end; undefined when it has done its work or said why it cannot, else what ended it. */
  async #launch(
    arm: Arm | 'burn-in',
    makeTask: () => Promise<Task>,
    onMessage: (message: TrainerMessage, trainer: RunningTrainer | undefined) => void,
  ): Promise<TrainerEnd | undefined> {
    const { id: jobId, attempt } = this.#job;
    let lastWord: TrainerMessage['type'] | undefined;
    let trainer: RunningTrainer | undefined = undefined;
    const hear = (message: TrainerMessage) => {
      lastWord = message.type;
      onMessage(message, trainer);
    };
    trainer = await this.#executor.run({ jobId, attempt, arm }, makeTask, hear);
    this.#trainers.add(trainer);
    if (this.#stopReason !== undefined) this.#halt(trainer);
    const end = await trainer.ended;
    this.#trainers.delete(trainer);
    if (lastWord === 'finished' || lastWord === 'failed') return undefined;
    return lastWord === 'stopped' ? { ...end, isFault: false } : end; // saved when told to, by whomever
  }

  /** Keeps the newest and every evaluated one. Row first, then files: nothing that can be resumed from is ever half there. */
  async #prune(arm: Arm, { keepCheckpoints, evaluateAt }: RunPlan): Promise<void> {
    const { database } = this.#options;
    const rows = await persistently(() => listCheckpoints(database, this.#job.id, arm));
    for (const { step, path } of rows.slice(keepCheckpoints)) {
      if (evaluateAt.includes(step)) continue;
      if (!(await persistently(() => deleteCheckpoint(database, this.#job.fence, arm, step)))) continue;
      await rm(path, { recursive: true, force: true }).catch(async (error: unknown) => {
        throw await asStorageError(error, path);
      });
    }
  }

  /** A record could not be written: the lease is gone, or there is a bug. */
  #stumble(trainer: RunningTrainer | undefined, error: unknown): void {
    if (error instanceof ConflictError) return this.stop('lost');
    this.#fail(reasonOf(error), messageOf(error));
    trainer?.kill();
  }

  /** A trainer that cannot be kept alive: for want of memory, where its death says so. */
  #giveUp(words: string, death: string, { plan, model: { configPath } }: Preparation): void {
    if (!isProbablyMemory(words)) return this.#fail('poison', death);
    this.#fail('out-of-memory', `${death}; ${adviceFor({ plan, configPath, backend: plan.backend.name })}`);
  }

  #fail(reason: FailureReason, message: string): void {
    this.#failure ??= { outcome: 'failed', reason, message };
    for (const trainer of this.#trainers) this.#halt(trainer);
  }

  #halt(trainer: RunningTrainer): void {
    if (this.isLost) trainer.abandon();
    else trainer.stop(GRACE_MS);
  }

  /** A window without a single pronoun edit is no intervention, unless that was expected. */
  async #conclude(preparation: Preparation): Promise<AttemptEnd> {
    const { spec, id } = this.#job;
    const { plan } = preparation;
    const { database } = this.#options;
    const notes = [...this.#notes];
    if (spec.arms.some((arm) => isTrainedOutside(spec, arm))) {
      const { arms, numCheckpoints, message } = await persistently(() => findWaiting(database, id, spec, preparation));
      if (numCheckpoints === null || arms.length > 0) return { outcome: 'paused', message, numCheckpoints };
      notes.push('trained by GPT-NeoX outside; what was rewritten is what the exports say');
      for (const arm of spec.arms.filter((one) => isTrainedOutside(spec, one)))
        await persistently(() => setRunState(database, this.#job.fence, arm, 'succeeded'));
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
}

/** Where a trained arm goes on: its own newest checkpoint, else the burn-in's. The published arm is only scored. */
function startOf(arm: Arm, own: string | undefined, burnIn: string | undefined): StartCheckpoint | undefined {
  if (own !== undefined) return { path: own, isOwn: true };
  return burnIn === undefined || arm === 'published' ? undefined : { path: burnIn, isOwn: false };
}

function reasonOf(error: unknown): FailureReason {
  if (error instanceof StorageError) return 'storage';
  if (error instanceof DataError) return 'bad-data';
  if (error instanceof InputError || error instanceof NotFoundError) return 'bad-spec';
  return 'program';
}
