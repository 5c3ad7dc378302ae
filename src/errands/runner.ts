// The errands of one server process: takes waiting ones from the database, does each in a child process, writes progress with the lease once a second, and settles
// it. A child ends with this process, however that ends; its row is interrupted once the lease has run out.
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.ts';
import { log, redacted } from '../log.ts';
import { isRunningFromSource } from '../package-root.ts';
import type { Database } from '../store/database.ts';
import {
  beatErrand,
  claimErrand,
  INTERRUPTED,
  settleErrand,
  type ErrandEnd,
  type ErrandFence,
  type ErrandProgress,
} from '../store/errands.ts';
import type { Errand } from '../store/generated/client.ts';
import type { HubAccess } from '../suite/hub/request.ts';
import type { ErrandMessage, ErrandOptions, ErrandTask } from './task.ts';

export interface ErrandSettings {
  readonly home: string;
  readonly hub: HubAccess;
  /** How many at once. */
  readonly atOnce: number;
  /** How long an errand counts as at work without a beat. */
  readonly leaseMs: number;
}

export interface ErrandRunner {
  /** Looks at once, not at the next beat, for what is new or to be cancelled. */
  wake(): void;
  /** Stops what is at work: it is interrupted, and what has arrived is kept. */
  close(): Promise<void>;
}

const BEAT_MS = 1_000;
/** A process that does not stop by itself is killed. */
const GRACE_MS = 5_000;

interface AtWork {
  readonly fence: ErrandFence;
  readonly process: ErrandProcess;
  progress: ErrandProgress | undefined;
  /** What the process came to; undefined while it is at work. */
  end: ErrandEnd | undefined;
  isCancelled: boolean;
  beatenMs: number;
}

/** Starts taking errands; the caller closes it before the database. */
export function startErrands(database: Database, settings: ErrandSettings): ErrandRunner {
  const { atOnce, leaseMs } = settings;
  const owner = randomUUID();
  const atWork = new Map<string, AtWork>();
  let isClosing = false;

  const begin = (errand: Errand) => {
    const child = startProcess(taskOf(errand, settings), (progress) => (one.progress = progress));
    const one: AtWork = {
      ...{ fence: { id: errand.id, owner }, process: child, progress: undefined, end: undefined },
      ...{ isCancelled: false, beatenMs: performance.now() },
    };
    atWork.set(errand.id, one);
    log.info({ errand: errand.id, kind: errand.kind, name: errand.name, step: errand.step }, 'errand begun');
    void child.ended.then((said) => {
      one.end = endOf(said, one.isCancelled);
      look();
    });
  };

  const tend = async (one: AtWork): Promise<void> => {
    if (one.end !== undefined) {
      if (await settleErrand(database, one.fence, one.end))
        log.info({ errand: one.fence.id, ...shown(one.end) }, 'errand ended');
      atWork.delete(one.fence.id);
      return;
    }
    const order = await beatErrand(database, one.fence, leaseMs, one.progress);
    if (order !== undefined) one.beatenMs = performance.now();
    if (order === 'running') return;
    one.isCancelled = order === 'cancelling';
    one.process.stop();
  };

  const beat = async (): Promise<void> => {
    for (const one of [...atWork.values()]) {
      await tend(one).catch((error: unknown) => {
        log.warn(
          { errand: one.fence.id, message: messageOf(error) },
          'an errand could not be recorded; it is tried again',
        );
        // By the time the lease is over another server may begin it.
        if (performance.now() - one.beatenMs > leaseMs - 2 * BEAT_MS) one.process.stop();
      });
    }
    while (!isClosing && atWork.size < atOnce) {
      const errand = await claimErrand(database, owner, leaseMs);
      if (errand === undefined) return;
      begin(errand);
    }
  };

  const { look, close } = repeating(beat);
  return {
    wake: look,
    async close() {
      isClosing = true;
      for (const one of atWork.values()) one.process.stop();
      await Promise.all([...atWork.values()].map((one) => one.process.ended));
      look();
      await close();
    },
  };
}

/** Does the work once a second, and once more after it was asked for; never twice at a time. */
function repeating(work: () => Promise<void>): { look(): void; close(): Promise<void> } {
  let running: Promise<void> | undefined;
  let isAsked = false;
  const look = (): void => {
    isAsked = true;
    running ??= run().finally(() => (running = undefined));
  };
  const run = async (): Promise<void> => {
    while (isAsked) {
      isAsked = false;
      await work().catch((error: unknown) => log.warn({ message: messageOf(error) }, 'errands could not be looked at'));
    }
  };
  const timer = setInterval(look, BEAT_MS);
  look();
  return {
    look,
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

function taskOf({ kind, name, step, options }: Errand, { home, hub }: ErrandSettings): ErrandTask {
  // Rows are written by src/api/errands.ts alone, which checks what it takes.
  return { kind: kind as ErrandTask['kind'], name, step, options: options as ErrandOptions, home, hub };
}

type Said = Exclude<ErrandMessage, { type: 'progress' }> | { readonly type: 'died'; readonly words: string };

interface ErrandProcess {
  /** What it said last, or how it died. */
  readonly ended: Promise<Said>;
  stop(): void;
}

function startProcess(task: ErrandTask, onProgress: (progress: ErrandProgress) => void): ErrandProcess {
  const child = fork(join(import.meta.dirname, isRunningFromSource ? 'program.ts' : 'program.js'), [], {
    execArgv: isRunningFromSource ? ['--import', 'tsx'] : [],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  let said: Said | undefined;
  let isStopped = false;
  child.on('message', (message) => {
    const one = message as ErrandMessage; // of program.ts
    if (one.type === 'progress') onProgress(one.progress);
    else said = one;
  });
  const ended = new Promise<Said>((resolve) => {
    child.on('error', ({ message: words }) => resolve({ type: 'died', words }));
    child.on('close', (code, signal) => {
      const words = signal === null ? `exit code ${code}` : `signal ${signal}`;
      resolve(said ?? (isStopped ? { type: 'stopped' } : { type: 'died', words }));
    });
  });
  child.send(task, () => undefined); // a process that could not be started has ended
  return {
    ended,
    stop: () => {
      if (isStopped) return;
      isStopped = true;
      child.kill('SIGTERM');
      const over = new AbortController();
      void ended.then(() => over.abort());
      sleep(GRACE_MS, undefined, { signal: over.signal }).then(
        () => child.kill('SIGKILL'),
        () => undefined, // it has ended
      );
    },
  };
}

function endOf(said: Said, isCancelled: boolean): ErrandEnd {
  if (said.type === 'finished') return { state: 'succeeded', result: said.result };
  if (isCancelled) return { state: 'cancelled' };
  if (said.type === 'stopped') return { state: 'interrupted', message: INTERRUPTED };
  if (said.type === 'failed') return { state: 'failed', reason: said.reason, message: redacted(said.message) };
  return { state: 'failed', reason: 'process-lost', message: `the process that did it ended with ${said.words}` };
}

function shown({ state, reason, message }: ErrandEnd) {
  return { state, reason, message };
}
