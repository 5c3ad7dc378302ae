// Runs a trainer as a child process of this one.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { isRunningFromSource } from '../../src/package-root.ts';
import type { BurnInTask, TrainerMessage, TrainerTask, WorkerMessage } from '../messages.ts';
import { describeDeath } from '../out-of-memory.ts';

export interface RunningTrainer {
  readonly pid: number | undefined;
  /** Resolves when the process is gone, with what ended it in words. */
  readonly ended: Promise<string>;
  /** Asks it to save and end; kills it when it has not after `graceMs`. */
  stop(graceMs: number): void;
  /** Ends it at once. */
  kill(): void;
}

/** Starts a trainer on its task; every message it sends is handed on in order. */
export function startTrainer(
  task: TrainerTask | BurnInTask,
  onMessage: (message: TrainerMessage) => void,
): RunningTrainer {
  const program = join(import.meta.dirname, '..', isRunningFromSource ? 'trainer.ts' : 'trainer.js');
  const child = fork(program, [], {
    execArgv: isRunningFromSource ? ['--import', 'tsx'] : [],
    stdio: ['ignore', 2, 2, 'ipc'],
    serialization: 'advanced',
  });
  child.on('message', (message) => onMessage(message as TrainerMessage));
  let isKilled = false;
  const kill = () => {
    isKilled = true;
    child.kill('SIGKILL');
  };
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(describeDeath(code, signal, isKilled)));
  });
  const message: WorkerMessage = { type: 'task', task };
  child.send(message, () => undefined);
  return {
    pid: child.pid,
    ended,
    stop: (graceMs) => {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, graceMs);
      void ended.then(() => clearTimeout(timer));
    },
    kill,
  };
}
