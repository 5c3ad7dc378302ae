// A stand-in for trainer processes, for tests of who starts, hears and stops them:
//   vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);
// Nothing happens by itself: a test says what each trainer does once it has started.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningTrainer, TrainerEnd, TrainerPlace } from '../../jobs/executor/executor.ts';
import type { BurnInTask, TrainerMessage, TrainerTask } from '../../jobs/messages.ts';
import type { CheckpointRecord } from '../../src/store/records.ts';
import { someStep, until } from './jobs.ts';

export interface FakeTrainer {
  readonly task: TrainerTask;
  readonly place: TrainerPlace;
  /** What was asked of it: 'stop' and 'kill', in order. */
  readonly asked: string[];
  say(message: TrainerMessage): void;
  /** Ends the process. */
  die(words?: string): void;
  /** Says that it is done, and ends. */
  finish(): void;
}

/** Every trainer that was started, first to last; a test empties it. */
export const trainers: FakeTrainer[] = [];

export const executor = {
  startTrainer(
    given: TrainerTask | BurnInTask,
    onMessage: (message: TrainerMessage) => void,
    place: TrainerPlace,
  ): RunningTrainer {
    const task = given as TrainerTask; // of a burn-in's, tests read what both have
    const asked: string[] = [];
    let die: (words: string) => void = () => undefined;
    const ended = new Promise<TrainerEnd>((resolve) => (die = (words) => resolve({ words, isFault: true })));
    const fake: FakeTrainer = {
      ...{ task, place, asked, say: onMessage },
      die: (words = 'signal SIGKILL') => die(words),
      finish: () => {
        onMessage({ type: 'finished' });
        die('exit code 0');
      },
    };
    trainers.push(fake);
    const kill = () => {
      asked.push('kill');
      die('signal SIGKILL');
    };
    return {
      ended,
      // Like the real one: asked to stop it ends with the state saved; killed it ends at once.
      stop: () => {
        asked.push('stop');
        onMessage({ type: 'stopped' });
        die('exit code 0');
      },
      kill,
      abandon: kill,
    };
  },
};

/** The n-th trainer that was started, counted from 0, as soon as it is there. */
export async function trainer(n: number): Promise<FakeTrainer> {
  await until(() => trainers.length > n, 30_000);
  return trainers[n]!; // waited for
}

/** The two that are started first, by their arms: which one starts before the other nobody promises. */
export async function trainersOfBoth(): Promise<{ control: FakeTrainer; intervention: FakeTrainer }> {
  await trainer(1);
  const of = (arm: string) => trainers.find(({ task }) => task.arm === arm)!; // a job of both arms
  return { control: of('control'), intervention: of('intervention') };
}

/** Says that a step was made: two edits in its batch, or none. */
export function step(at: number, numEdits = 2): TrainerMessage {
  return { type: 'step', record: someStep(at, numEdits === 0 ? { numEdits, editsByRule: {} } : { numEdits }) };
}

/** Says of a published checkpoint everything that its task asks for: of each way of scoring three pairs. */
export function sayScores({ task, say }: FakeTrainer): void {
  const asked = task.scorings.map(({ benchmark, protocol, settings }) => ({
    ...{ benchmark: benchmark.name, protocol, settings, sha256: benchmark.sha256 },
  }));
  const heldBack = { benchmark: 'held-back', protocol: 'likelihood', settings: {}, sha256: 'e'.repeat(64) } as const;
  for (const identity of task.heldBack === null ? asked : [...asked, heldBack]) {
    const items = [1, 2, 3].map((index) => ({ index, logLikelihood: [-index, -2 * index], numTokens: [4, 4] }));
    const scores = { pctStereotype: { value: 1, standardError: 0, interval: null, numItems: 3 } };
    say({ type: 'evaluation', step: task.plan.to, evaluation: { ...identity, numItems: 3, scores, items } });
  }
}

/** Ends a burn-in as the real one does: its checkpoint is there. */
export function finishBurnIn(fake: FakeTrainer, at: number): string {
  const { path } = writeCheckpoint(fake, at);
  fake.finish();
  return path;
}

/** Writes the files of a checkpoint of the trainer's run, with their manifest, and says so. */
export function saveAndSay(fake: FakeTrainer, at: number): CheckpointRecord {
  const checkpoint = writeCheckpoint(fake, at);
  fake.say({ type: 'checkpoint', checkpoint });
  return checkpoint;
}

function writeCheckpoint({ task }: FakeTrainer, at: number): CheckpointRecord {
  const path = join(task.checkpointFolder, `step-${at}`);
  mkdirSync(path, { recursive: true });
  const content = `the weights after step ${at}`;
  writeFileSync(join(path, 'model.safetensors'), content);
  const files = { 'model.safetensors': { sha256: sha256Of(content), sizeBytes: content.length } };
  const manifest = JSON.stringify({ format: 'tiresias-checkpoint-1', step: at, files });
  writeFileSync(join(path, 'manifest.json'), manifest);
  return { step: at, path, manifestSha256: sha256Of(manifest), sizeBytes: content.length };
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
