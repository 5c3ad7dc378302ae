// What the parts of one attempt work with, above all its trainers: they are started, heard and stopped here, and here it is known whether the attempt is over.
import { ConflictError, messageOf } from '../src/errors.ts';
import type { Arm, FailureReason } from '../src/job-spec.ts';
import { log } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import type { ClaimedJob } from '../src/store/leases.ts';
import { reasonOf, type AttemptEnd, type StopReason } from './ending.ts';
import type { Executor, RunningTrainer, Task, TrainerEnd } from './executor/executor.ts';
import type { TrainerMessage } from './messages.ts';
import type { Preparation } from './preparation.ts';
import type { ProgressTracker } from './progress.ts';
import type { SharedKeys } from '../src/shared-keys.ts';
import { noteMessage } from './trainer-log.ts';

export interface Work {
  readonly job: ClaimedJob;
  readonly database: Database;
  readonly home: string;
  readonly preparation: Preparation;
  /** As it is stored. */
  readonly manifest: Readonly<Record<string, unknown>>;
  /** Of what it shares with other jobs; undefined where it shares nothing. */
  readonly keys: SharedKeys | undefined;
  readonly tracker: ProgressTracker;
  readonly trainers: Trainers;
  /** What happened that a reader of the result should know; added to as it happens. */
  readonly notes: string[];
}

export interface Trainers {
  /** Aborts when the attempt is stopped or fails. */
  readonly over: AbortSignal;
  /** What ended the attempt; undefined while it goes on. */
  ending(): AttemptEnd | undefined;
  /** Whether another worker has the job. */
  isLost(): boolean;
  /** Ends the attempt: trainers save and stop; with a lost lease they are left to whoever has it. */
  stop(reason: StopReason): void;
  fail(reason: FailureReason, message: string): void;
  /** A record of this trainer's could not be written: the lease is gone, or there is a bug. */
  stumble(trainer: RunningTrainer | undefined, error: unknown): void;
  kill(): void;
  /** One trainer from start to end; undefined when it has done its work or said why it cannot, else what ended it. */
  run(
    arm: Arm | 'burn-in',
    makeTask: () => Promise<Task>,
    onMessage: (message: TrainerMessage, trainer: RunningTrainer | undefined) => void,
  ): Promise<TrainerEnd | undefined>;
}

/** How long a trainer may take to save before it is killed. */
const GRACE_MS = 20_000;
/** A trainer that dies this often without a new checkpoint is not started again. */
export const MOST_CRASHES = 5;

/** The trainers of one attempt, of which none is at work yet; they compute on `cards`, if on any. */
export function openTrainers(
  { id: jobId, attempt }: ClaimedJob,
  executor: Executor,
  cards: readonly string[] = [],
): Trainers {
  const atWork = new Set<RunningTrainer>();
  const over = new AbortController();
  let stopReason: StopReason | undefined;
  let failure: AttemptEnd | undefined;
  const halt = (trainer: RunningTrainer) => {
    if (stopReason === 'lost') trainer.abandon();
    else trainer.stop(GRACE_MS);
  };
  const haltAll = () => {
    over.abort();
    for (const trainer of atWork) halt(trainer);
  };
  const stop = (reason: StopReason) => {
    if (stopReason === 'lost' || stopReason === reason) return;
    stopReason = reason;
    haltAll();
  };
  const fail = (reason: FailureReason, message: string) => {
    failure ??= { outcome: 'failed', reason, message };
    haltAll();
  };
  return {
    ...{ over: over.signal, stop, fail },
    // What fails without a lease is no failure of the job.
    ending: () => (stopReason !== 'lost' ? failure : undefined) ?? (stopReason && { outcome: stopReason }),
    isLost: () => stopReason === 'lost',
    stumble(trainer, error) {
      if (error instanceof ConflictError) return stop('lost');
      fail(reasonOf(error), messageOf(error));
      trainer?.kill();
    },
    kill() {
      for (const trainer of atWork) trainer.kill();
    },
    async run(arm, makeTask, onMessage) {
      const place = { jobId, attempt, arm, cards };
      let lastWord: TrainerMessage['type'] | undefined;
      let trainer: RunningTrainer | undefined = undefined;
      const hear = (message: TrainerMessage) => {
        lastWord = message.type;
        noteMessage(message, place);
        onMessage(message, trainer);
      };
      trainer = await executor.run(place, makeTask, hear);
      log.info({ job: jobId, attempt, arm }, 'trainer started');
      atWork.add(trainer);
      if (stopReason !== undefined) halt(trainer);
      const end = await trainer.ended;
      atWork.delete(trainer);
      if (lastWord === 'finished' || lastWord === 'failed') return undefined;
      return lastWord === 'stopped' ? { ...end, isFault: false } : end; // saved when told to, by whomever
    },
  };
}
