// The executor that hands trainers to Slurm: each is a job of Slurm's own, which may wait, be preempted and requeued, or lose its node, while the worker follows
// it and holds the lease. Worker and nodes share a file system: home folder, program and Node lie at the same paths (shared-folder.ts).
//
// Whoever runs a trainer looks first for one that an earlier attempt left, be it that its worker died after submitting, or before it had heard all. Slurm executes a submission again by itself after a preemption or
// the loss of a node; the new execution waits for its task, which the worker makes from the newest checkpoint that is recorded.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/errors.ts';
import { log } from '../../src/log.ts';
import type { TrainerMessage } from '../messages.ts';
import { describeDeath } from '../out-of-memory.ts';
import { logTrainerLine } from '../trainer-log.ts';
import type { Executor, RunningTrainer, Task, TrainerEnd, TrainerPlace } from './executor.ts';
import {
  askToStop,
  giveTask,
  newestExecution,
  noteHeard,
  openMessages,
  openOutput,
  raiseFollower,
} from './shared-folder.ts';
import { isOver, type SlurmClient, type SlurmJob } from './slurm-client.ts';
import {
  findLeft,
  GivenUp,
  hasUnheard,
  isAsked,
  patiently,
  submit,
  type Asked,
  type Execution,
  type SlurmOptions,
} from './slurm-submission.ts';

const LOOK_MS = 250;
const RAISE_MS = 2_000;
/** A trainer that is to end is left alone when Slurm does not answer for so long after its time: it was asked to save, and is followed no more. */
const UNREACHABLE_MS = 30_000;

/** Runs trainers as jobs of Slurm; all arms side by side, as far as Slurm has room. */
export function slurmExecutor(options: SlurmOptions): Executor {
  return {
    isHere: false,
    numTrainersAtOnce: () => Infinity,
    run(place, makeTask, onMessage) {
      const asked: Asked = { killAtMs: undefined, isAbandoned: false };
      const trainer: RunningTrainer = {
        ended: run(options, place, makeTask, onMessage, asked),
        stop: (graceMs) => void (asked.killAtMs ??= performance.now() + graceMs),
        kill: () => void (asked.killAtMs = 0),
        abandon: () => void (asked.isAbandoned = true),
      };
      return Promise.resolve(trainer);
    },
  };
}

async function run(
  options: SlurmOptions,
  place: TrainerPlace,
  makeTask: () => Promise<Task>,
  onMessage: (message: TrainerMessage) => void,
  asked: Asked,
): Promise<TrainerEnd> {
  try {
    const execution = await begin(options, place, makeTask, asked);
    return await follow(options, place, execution, onMessage, asked);
  } catch (error) {
    if (!(error instanceof GivenUp)) throw error;
    return { words: 'it was stopped before Slurm had it', isFault: false };
  }
}

/** The execution to follow: one that was left, a new one of a job that Slurm runs again, or the first of a new job. */
async function begin(
  options: SlurmOptions,
  place: TrainerPlace,
  makeTask: () => Promise<Task>,
  asked: Asked,
): Promise<Execution> {
  const left = await patiently(() => findLeft(options, place), asked);
  if (left !== undefined && hasUnheard(left.folder)) {
    return { folder: left.folder, slurmId: left.job?.id, number: newestExecution(left.folder) ?? 0, isLeft: true };
  }
  const task = await makeTask();
  if (left?.job !== undefined) {
    giveTask(left.folder, left.job.numRestarts, task);
    return { folder: left.folder, slurmId: left.job.id, number: left.job.numRestarts, isLeft: true };
  }
  if (isAsked(asked)) throw new GivenUp();
  return submit(options, place, task, asked);
}

/** Hands on what the execution says until it has ended, and says why; whatever of it is left in Slurm then is not waited for. */
async function follow(
  { client, pollMs }: SlurmOptions,
  place: TrainerPlace,
  { folder, slurmId, number, isLeft = false }: Execution,
  onMessage: (message: TrainerMessage) => void,
  asked: Asked,
): Promise<TrainerEnd> {
  const read = openMessages(folder, number);
  const readOutput = openOutput(`${folder}.log`, isLeft);
  let lastWord: TrainerMessage['type'] | undefined;
  const hear = () => {
    for (const message of read()) {
      lastWord = message.type;
      onMessage(message);
    }
    for (const line of readOutput()) logTrainerLine(line, place);
  };
  const everyNow = { raise: timer(RAISE_MS), poll: timer(pollMs) };
  let [shown, isToldToStop] = ['', false];
  for (let count = 1; ; count++) {
    hear();
    if (asked.isAbandoned) return { words: 'left to the worker that has the job now', isFault: false };
    if (hasEnded(lastWord, asked)) return close(folder, { words: `said ${lastWord}`, isFault: false });
    if (everyNow.raise()) raiseFollower(folder, count);
    const isToStop = asked.killAtMs !== undefined && !isToldToStop;
    if (isToStop) askToStop(folder);
    isToldToStop ||= isToStop;
    if (slurmId === undefined || isToStop || everyNow.poll()) {
      const job = await look(client, slurmId);
      if (job === 'unknown' && performance.now() > (asked.killAtMs ?? Infinity) + UNREACHABLE_MS) {
        return { words: 'it was asked to end, and Slurm does not answer', isFault: false };
      }
      if (job !== 'unknown') {
        if (job === undefined || isOver(job) || job.numRestarts > number) {
          hear(); // what it said before it ended
          if (hasEnded(lastWord, asked)) return close(folder, { words: `said ${lastWord}`, isFault: false });
          return conclude(folder, number, slurmId, job);
        }
        const now = [job.states.join(' '), job.reason, job.nodes].join(' ');
        if (now !== shown)
          log.info(
            { job: place.jobId, attempt: place.attempt, arm: place.arm, slurmJob: slurmId, slurm: now },
            'Slurm',
          );
        shown = now;
        await cancelInTime(client, job, asked);
      }
    }
    await sleep(LOOK_MS);
  }
}

/** Whether nothing more is to come, whatever Slurm does next. Who stopped unasked may be run again. */
function hasEnded(lastWord: TrainerMessage['type'] | undefined, { killAtMs }: Asked): boolean {
  return lastWord === 'finished' || lastWord === 'failed' || (lastWord === 'stopped' && killAtMs !== undefined);
}

/** Asks Slurm; 'unknown' while it does not answer. */
async function look(client: SlurmClient, slurmId: number | undefined): Promise<SlurmJob | undefined | 'unknown'> {
  try {
    return slurmId === undefined ? undefined : await client.getJob(slurmId);
  } catch (error) {
    log.warn(
      { slurmJob: slurmId, message: messageOf(error) },
      'Slurm does not answer; what the trainer says is heard all the same',
    );
    return 'unknown';
  }
}

/** One that waits has nothing to save; one at work is cancelled when its time to save is over. */
async function cancelInTime(client: SlurmClient, job: SlurmJob, { killAtMs }: Asked): Promise<void> {
  if (killAtMs === undefined || (performance.now() < killAtMs && !job.states.includes('PENDING'))) return;
  try {
    await client.cancel(job.id);
  } catch (error) {
    log.warn({ slurmJob: job.id, message: messageOf(error) }, 'it could not be cancelled; it is tried again');
  }
}

function conclude(folder: string, number: number, slurmId: number | undefined, job: SlurmJob | undefined): TrainerEnd {
  if (job === undefined) return close(folder, { words: `Slurm does not know job ${slurmId} any more`, isFault: true });
  const { id, states, reason, nodes, numRestarts } = job;
  const state = states.join(' ');
  if (numRestarts > number && !isOver(job)) {
    noteHeard(folder, number);
    return { words: `Slurm took job ${id} from its node and runs it again (${state})`, isFault: false };
  }
  const words = `Slurm job ${id} ended as ${state} (${[reason, nodes].filter(Boolean).join(', on ')})`;
  if (states.includes('OUT_OF_MEMORY')) {
    return close(folder, { words: `${words}: ${describeDeath(137, null, false)}`, isFault: true });
  }
  return close(folder, { words, isFault: !/PREEMPTED|NODE_FAIL|BOOT_FAIL/.test(state) });
}

function close(folder: string, end: TrainerEnd): TrainerEnd {
  rmSync(folder, { recursive: true, force: true });
  return end;
}

/** Answers true at the first call, then as often as the time has passed. */
function timer(everyMs: number): () => boolean {
  let nextMs = 0;
  return () => {
    if (performance.now() < nextMs) return false;
    nextMs = performance.now() + everyMs;
    return true;
  };
}
