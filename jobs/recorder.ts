// What the trainers of one arm say, recorded in the order in which they said it, under the attempt's fence. Steps that come fast are
// written together: a row for each, one transaction for many.
import type { Arm } from '../src/job-spec.ts';
import type { Database } from '../src/store/database.ts';
import type { Fence } from '../src/store/leases.ts';
import {
  recordCheckpoint,
  recordEvaluation,
  recordSteps,
  type CheckpointRecord,
  type StepRecord,
} from '../src/store/records.ts';
import type { TrainerMessage } from './messages.ts';
import { persistently } from './persistence.ts';

/** How long a step may wait for others to be written with, and how many are written at once. */
const MOST_WAITING_MS = 500;
const MOST_TOGETHER = 200;

export interface RecorderOptions {
  readonly database: Database;
  readonly fence: Fence;
  readonly arm: Arm;
  /** Whether the records are not wanted any more, while the database is away. */
  readonly isGivenUp: () => boolean;
  /** After a checkpoint's row is committed. */
  readonly onCheckpoint: () => Promise<void>;
  /** A record could not be written; nothing after it is. */
  readonly onFault: (error: unknown) => void;
}

export interface Recorder {
  /** Steps, evaluations and checkpoints; other messages are not recorded. */
  hear(message: TrainerMessage): void;
  /** Resolves when everything heard so far is written. */
  settled(): Promise<void>;
}

export function openRecorder(options: RecorderOptions): Recorder {
  const { database, fence, arm, isGivenUp, onCheckpoint, onFault } = options;
  let waiting: StepRecord[] = [];
  let timer: NodeJS.Timeout | undefined;
  let written: Promise<void> = Promise.resolve();
  let hasFailed = false;
  const enqueue = (work: () => Promise<void>) => {
    written = written
      .then(async () => {
        if (!hasFailed) await work();
      })
      .catch((error: unknown) => {
        hasFailed = true;
        onFault(error);
      });
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const records = waiting;
    waiting = [];
    enqueue(async () => {
      await persistently(() => recordSteps(database, fence, arm, records), isGivenUp);
    });
  };
  const recordSaved = async (checkpoint: CheckpointRecord) => {
    await persistently(() => recordCheckpoint(database, fence, arm, checkpoint), isGivenUp);
    await onCheckpoint();
  };
  return {
    hear(message) {
      if (message.type === 'step') {
        waiting.push(message.record);
        timer ??= setTimeout(flush, MOST_WAITING_MS);
        if (waiting.length >= MOST_TOGETHER) flush();
        return;
      }
      flush(); // a checkpoint's row comes after those of all steps before it
      if (message.type === 'checkpoint') enqueue(() => recordSaved(message.checkpoint));
      else if (message.type === 'evaluation')
        enqueue(async () => {
          const { step, evaluation } = message;
          await persistently(() => recordEvaluation(database, fence, arm, step, evaluation), isGivenUp);
        });
    },
    async settled() {
      flush();
      await written;
    },
  };
}
