// Trial: SIGKILL of a trainer at 20 random moments – while it starts, trains, or writes a checkpoint. Each job ends with the bits of weights
// and moments that an undisturbed one has. A model of 2 layers and width 32, 24 steps, a checkpoint every second one.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startService, type Service } from '../../src/cli/up.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { registerModel } from '../../src/suite/models.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { seededRandom } from '../../src/suite/nano/random.ts';
import { expectTrue } from './expect.ts';
import { get, submit, waitForEnd } from './nano-job.ts';
import { writeRandomModel } from './random-model.ts';

const SHAPE = { numLayers: 2, hiddenSize: 32, vocabSize: 1024 } as const;
export const STEPS = { from: 1000, to: 1024 } as const;

export const tinySpec: JobSpecInput = {
  model: 'tiny',
  checkpoint: `step${STEPS.from}`,
  dataset: 'nano-stories',
  window: { to: STEPS.to },
  arms: ['intervention'],
  training: { rowsPerStep: 8, checkpointEvery: 2, shareArms: false },
  evaluation: { benchmarks: [], every: STEPS.to, atStart: false },
  backend: 'wasm',
};

/** The longest delay is longer than a step with its checkpoint takes; at the first step, a trainer may be still starting. */
export const crashes = () => killAtRandom(20, tinySpec, 400);

/** The same on native in bf16, whose steps are a few milliseconds. */
export const crashesNative = () =>
  killAtRandom(20, { ...tinySpec, backend: 'native', training: { ...tinySpec.training, precision: 'bf16' } }, 30);

/** Runs jobs until `numKills` of them had their trainer killed at work, beside an undisturbed one. */
async function killAtRandom(numKills: number, spec: JobSpecInput, mostDelayMs: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-crashes-'));
  const home = join(folder, 'home');
  registerTiny(home, folder);
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'fatal', home);
  try {
    const quiet = await runJob(service, spec, 'undisturbed', undefined);
    const random = seededRandom(20, 1);
    let numKilled = 0;
    for (let i = 0; numKilled < numKills; i++) {
      if (i === 3 * numKills) throw new Error(`only ${numKilled} of ${i} kills found a trainer at work`);
      const moment = { step: STEPS.from + random.below(STEPS.to - STEPS.from), afterMs: random.below(mostDelayMs) };
      const killed = await runJob(service, spec, `kill ${i + 1}`, moment);
      expectTrue(`kill ${i + 1}, ${killed.words}: the same bits`, killed.bits === quiet.bits);
      if (killed.wasKilled) numKilled += 1;
    }
  } finally {
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

export function registerTiny(home: string, folder: string): void {
  const place = join(folder, `step${STEPS.from}`);
  writeRandomModel(place, SHAPE, 2, 1);
  const more = { tokenizerPath: nanoTokenizerPath(), peakLearningRate: 1e-3 };
  registerModel(home, { name: 'tiny', step: STEPS.from, folder: place, ...more });
}

interface Ran {
  /** SHA-256 of the last weights and moments. */
  readonly bits: string;
  readonly words: string;
  readonly wasKilled: boolean;
}

/** When to kill: this long after a step was begun, as far as the records tell. */
interface Moment {
  readonly step: number;
  readonly afterMs: number;
}

async function runJob(service: Service, spec: JobSpecInput, name: string, moment: Moment | undefined): Promise<Ran> {
  const id = await submit(service.url, { ...spec, name: `acceptance: ${name}` });
  const wasKilled = moment !== undefined && (await killAt(service, id, moment));
  const job = await waitForEnd(service.url, id);
  if (job.state !== 'succeeded') throw new Error(`${name}: ${job.state}, ${job.message}`);
  const { arms } = await get<{ arms: Record<string, { step: number[] }> }>(`${service.url}/v1/jobs/${id}/metrics`);
  const expected = Array.from({ length: STEPS.to - STEPS.from }, (_, i) => STEPS.from + i);
  if (JSON.stringify(arms['intervention']?.step) !== JSON.stringify(expected))
    throw new Error(`${name}: a step is missing or there twice: ${JSON.stringify(arms['intervention']?.step)}`);
  const words =
    moment === undefined ? '' : `${moment.afterMs} ms into step ${moment.step}${wasKilled ? '' : ', too late'}`;
  return { bits: await lastBits(service.url, id), words, wasKilled };
}

function trainersOf(worker: number | undefined): number[] {
  try {
    const lines = execFileSync('pgrep', ['-P', String(worker), '-f', 'jobs/trainer'], { encoding: 'utf8' });
    return lines.trim().split('\n').map(Number);
  } catch {
    return []; // pgrep found none
  }
}

/** Whether a trainer was at work to be killed at the moment. */
async function killAt(service: Service, id: string, { step, afterMs }: Moment): Promise<boolean> {
  for (;;) {
    const { arms, state } = await get<{ state: string; arms: { step: number }[] }>(`${service.url}/v1/jobs/${id}`);
    if (state === 'succeeded') return false;
    const [trainer] = trainersOf(service.pids().worker);
    if (trainer === undefined || (arms[0]?.step ?? 0) < step) {
      await sleep(5);
      continue;
    }
    await sleep(afterMs);
    try {
      return process.kill(trainer, 'SIGKILL');
    } catch {
      return false; // it has ended meanwhile
    }
  }
}

export async function lastBits(url: string, id: string): Promise<string> {
  const { checkpoints } = await get<{ checkpoints: { step: number; path: string }[] }>(
    `${url}/v1/jobs/${id}/checkpoints`,
  );
  const last = checkpoints.find(({ step }) => step === STEPS.to);
  if (last === undefined) throw new Error('the job has no last checkpoint');
  const { files } = JSON.parse(readFileSync(join(last.path, 'manifest.json'), 'utf8')) as {
    files: Record<string, { sha256: string }>;
  };
  return JSON.stringify(['model.safetensors', 'optimizer.safetensors'].map((name) => files[name]?.sha256));
}
