// Runs a trainer as a child process of this one.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { isRunningFromSource } from '../../src/package-root.ts';
import type { TrainerMessage, WorkerMessage } from '../messages.ts';
import { describeDeath } from '../out-of-memory.ts';
import { logOutput } from '../trainer-log.ts';
import type { RunningTrainer, Task, TrainerEnd, TrainerPlace } from './executor.ts';

/** This process's environment with additions. */
export type MakeEnvironment = (additions: Readonly<Record<string, string>>) => NodeJS.ProcessEnv;

/** Starts a trainer on its task; every message it sends is handed on in order, and what it writes is logged. Without `makeEnvironment` it sees every card. */
export function startTrainer(
  task: Task,
  onMessage: (message: TrainerMessage) => void,
  place: TrainerPlace,
  makeEnvironment?: MakeEnvironment,
): RunningTrainer {
  const program = join(import.meta.dirname, '..', isRunningFromSource ? 'trainer.ts' : 'trainer.js');
  const hasOwnCards = (task.backend === 'cuda' || task.backend === 'tensorflow') && place.cards.length > 0;
  const child = fork(program, [], {
    execArgv: isRunningFromSource ? ['--import', 'tsx'] : [],
    ...(hasOwnCards && { env: makeEnvironment?.({ CUDA_VISIBLE_DEVICES: place.cards.join(',') }) }),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  logOutput(child.stdout, place);
  logOutput(child.stderr, place);
  child.on('message', (message) => onMessage(message as TrainerMessage));
  let isKilled = false;
  const kill = () => {
    isKilled = true;
    child.kill('SIGKILL');
  };
  const ended = new Promise<TrainerEnd>((resolve) => {
    const end = (words: string) => resolve({ words, isFault: true });
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(describeDeath(code, signal, isKilled)));
  });
  const message: WorkerMessage = { type: 'task', task };
  child.send(message, () => undefined);
  return {
    ended,
    stop: (graceMs) => {
      child.kill('SIGTERM');
      const timer = setTimeout(kill, graceMs);
      void ended.then(() => clearTimeout(timer));
    },
    kill,
    abandon: kill, // it talks to this process alone
  };
}
