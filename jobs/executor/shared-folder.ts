// How a worker and a trainer on another machine talk: by files in a folder that both see. Slurm may execute one submission several times,
// so all names carry the number of the execution, and what a lost node still writes disturbs nobody:
//   task-E       what execution E is to do; the worker writes it once, the trainer takes it by renaming it
//   taken-E      that it was taken; emptied at once, because a task may hold the hub's token
//   messages-E   what the trainer says, appended: a message a line, serialized as over IPC, in base64
//   follower     a count that the worker keeps raising while it follows; no clock is compared with another
//   heard-E      that the worker has handed on all that an execution said which has ended
//   stop         asks the trainer to save and end
// The worker removes the folder when it has heard everything.
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deserialize, serialize } from 'node:v8';
import type { TrainerMessage } from '../messages.ts';
import type { Task } from './executor.ts';

const LOOK_MS = 250;
/** How long a trainer goes on when nobody follows it: a worker that was killed is replaced well before. */
const UNFOLLOWED_MS = 10 * 60_000;

/** Gives an execution its task, unless it has one; nobody else can read it. */
export function giveTask(folder: string, execution: number, task: Task): void {
  if (hasTask(folder, execution)) return;
  rmSync(join(folder, 'stop'), { force: true }); // meant for an earlier one
  const temporary = join(folder, `task-${execution}.${process.pid}.tmp`);
  writeFileSync(temporary, serialize(task), { mode: 0o600, flush: true });
  renameSync(temporary, join(folder, `task-${execution}`));
}

/** Whether an execution was told what to do. */
export function hasTask(folder: string, execution: number): boolean {
  return existsSync(join(folder, `task-${execution}`)) || existsSync(join(folder, `taken-${execution}`));
}

/** The newest execution that was told what to do; undefined when there is none. */
export function newestExecution(folder: string): number | undefined {
  const numbers = readdirSync(folder).flatMap((name) => /^(?:task|taken)-(\d+)$/.exec(name)?.[1] ?? []);
  return numbers.length === 0 ? undefined : Math.max(...numbers.map(Number));
}

/** Tells the trainer that it is followed. */
export function raiseFollower(folder: string, count: number): void {
  writeFileSync(join(folder, 'follower'), `${process.pid} ${count}`);
}

export function askToStop(folder: string): void {
  writeFileSync(join(folder, 'stop'), '');
}

/** Notes that everything an execution said was handed on. */
export function noteHeard(folder: string, execution: number): void {
  writeFileSync(join(folder, `heard-${execution}`), '');
}

export function isHeard(folder: string, execution: number): boolean {
  return existsSync(join(folder, `heard-${execution}`));
}

/** Reads what an execution says, from the first message on; each call answers what came since the last. */
export function openMessages(folder: string, execution: number): () => TrainerMessage[] {
  const path = join(folder, `messages-${execution}`);
  let [offset, rest] = [0, ''];
  return () => {
    const text = readFrom(path, offset);
    offset += text.length; // base64 and newlines: one byte a character
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? ''; // not all of it was written yet
    return lines.map((line) => deserialize(Buffer.from(line, 'base64')) as TrainerMessage);
  };
}

/** Reads what a trainer writes, a line at a time, from the beginning or from what is not there yet. */
export function openOutput(path: string, isFromEnd: boolean): () => string[] {
  let offset = isFromEnd ? readFrom(path, 0).length : 0;
  let rest = '';
  return () => {
    const bytes = readFrom(path, offset);
    offset += bytes.length;
    const lines = (rest + bytes).split('\n');
    rest = lines.pop() ?? '';
    return lines.map((line) => Buffer.from(line, 'latin1').toString('utf8'));
  };
}

/** Opened anew each time: a network file system shows what was appended to whoever opens a file. */
function readFrom(path: string, offset: number): string {
  if (!existsSync(path)) return '';
  const descriptor = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - offset));
    return bytes.toString('latin1', 0, readSync(descriptor, bytes, 0, bytes.length, offset));
  } finally {
    closeSync(descriptor);
  }
}

/** The trainer's end. */
export interface FolderLink {
  /** Resolves with the task of this execution. */
  task(): Promise<Task>;
  send(message: TrainerMessage): void;
}

/** What a trainer is told by its folder. */
export interface Told {
  /** It is to save and end: it was asked to, or nobody has followed it for a long time. */
  onStop(): void;
  /** It has no reader any more: another execution has begun, or the folder was removed. */
  onGone(): void;
}

/** Opens the trainer's end for one execution; what it is told may be told again and again. */
export function openLink(folder: string, execution: number, told: Told, unfollowedMs = UNFOLLOWED_MS): FolderLink {
  let [seen, sinceMs] = ['', performance.now()];
  const look = () => {
    if (!existsSync(folder) || (newestExecution(folder) ?? 0) > execution) return told.onGone();
    if (existsSync(join(folder, 'stop'))) told.onStop();
    const follower = readFileSync(join(folder, 'follower'), 'latin1');
    if (follower !== seen) [seen, sinceMs] = [follower, performance.now()];
    else if (performance.now() - sinceMs > unfollowedMs) told.onStop();
  };
  setInterval(() => {
    try {
      look();
    } catch {
      if (!existsSync(folder)) told.onGone(); // else the file system stumbled: it is looked at again
    }
  }, LOOK_MS).unref();
  return {
    async task() {
      while (!existsSync(join(folder, `task-${execution}`))) await sleep(LOOK_MS);
      const taken = join(folder, `taken-${execution}`);
      renameSync(join(folder, `task-${execution}`), taken);
      const task = deserialize(readFileSync(taken)) as Task;
      truncateSync(taken);
      return task;
    },
    send(message) {
      const line = `${serialize(message).toString('base64')}\n`;
      appendFileSync(join(folder, `messages-${execution}`), line, { mode: 0o600, flush: true });
    },
  };
}
