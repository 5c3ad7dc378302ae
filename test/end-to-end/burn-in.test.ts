// A job from a checkpoint whose moments are estimated, over HTTP and through real trainers: the control ends with the bits of the same
// steps taken in this process, and the manifest says where the moments came from.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { loadCheckpoint, type CheckpointContent } from '../../src/checkpoint/checkpoint.ts';
import { openDataset, replayBatch } from '../../src/data/replay.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { packagePath } from '../../src/package-root.ts';
import { describeDataset } from '../../src/suite/datasets.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { burnIn } from '../../src/train/burn-in.ts';
import { learningRate } from '../../src/train/schedule.ts';
import { disposeState, fromState, toState, withRestartedCount } from '../../src/train/state.ts';
import { PYTHIA_ADAM, trainStep, type StepSettings } from '../../src/train/step.ts';
import { nanoSpec, startTestService, type TestService } from '../support/service.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // trainers start from sources on a machine that does other things

const [FROM, TO, NUM_ROWS, BURN_IN_STEPS] = [1330, 1332, 2, 3];
const folder = packagePath('suite', 'nano', 'nano-1m-seed1');
let service: TestService;
let expected: Record<'clean' | 'zero-restart', Awaited<ReturnType<typeof trainHere>>>;
beforeAll(async () => {
  service = await startTestService();
  // Before the first request: training here blocks this process, and with it the server's connections.
  expected = { clean: await trainHere(false), 'zero-restart': await trainHere(true) };
  service.startWorker();
});
afterAll(async () => {
  await service.stop();
});

/** The same steps without a job: burn-in, then updates. */
async function trainHere(isRestarted: boolean) {
  await selectBackend('wasm');
  const config = readModelConfig(join(folder, 'config.json'));
  const dataset = openDataset(await describeDataset(service.home, 'nano-stories'));
  const replay = (step: number) => replayBatch(dataset, step, NUM_ROWS);
  const switches = { gelu: 'tanh', rope: 'fp16-angles' } as const;
  const settings: StepSettings = { config, switches, adam: PYTHIA_ADAM, microBatchSize: NUM_ROWS };
  const schedule = { peak: 1e-3, floor: 1e-4, totalSteps: 1430, warmupSteps: 14.3 };
  const start = await loadCheckpoint(join(folder, `step${FROM}`), config);
  let state = await burnIn(toState(config, start, 'weights-only'), BURN_IN_STEPS, replay, settings);
  if (isRestarted) state = withRestartedCount(state);
  while (state.step < TO) {
    const rate = learningRate(schedule, state.lrCount);
    state = (await trainStep(state, replay(state.step), rate, settings)).state;
  }
  const reached = await fromState(state);
  disposeState(state);
  dataset.close();
  return reached;
}

/** Counters, and the SHA-256 of every array: comparing a million numbers one by one would block the server's connections, too. */
function bitsOf({ parameters, moments, ...counters }: CheckpointContent): Record<string, unknown> {
  const digests = (arrays: ReadonlyMap<string, Float32Array> | undefined) =>
    [...(arrays ?? [])].map(([name, values]) => [name, createHash('sha256').update(values).digest('hex')]);
  const groups = [parameters, moments?.expAvg, moments?.expAvgSq].map(digests);
  return { ...counters, groups };
}

describe('a job that resumes by a burn-in', () => {
  it.each(['clean', 'zero-restart'] as const)(
    'trains from the estimated moments, Adam’s count %s',
    async (adamStep) => {
      const id = await service.submit(
        nanoSpec({
          window: { to: TO },
          arms: ['control'],
          training: { resume: 'burn-in', burnInSteps: BURN_IN_STEPS, adamStep, rowsPerStep: NUM_ROWS },
          evaluation: { benchmarks: [], every: TO, atStart: false },
        }),
      );
      expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', reason: null });
      const manifest = await service.get<Record<string, unknown>>(`/jobs/${id}/manifest`);
      expect(manifest).toMatchObject({ plan: { resume: 'burn-in', adamStep }, burnIn: { from: 1327, to: 1330 } });
      const { checkpoints } = await service.get<{ checkpoints: { arm: string; step: number; path: string }[] }>(
        `/jobs/${id}/checkpoints`,
      );
      const { path } = checkpoints.find(({ arm, step }) => arm === 'control' && step === TO)!; // the run has ended there
      const saved = await loadCheckpoint(path, readModelConfig(join(path, 'config.json')));
      expect(bitsOf(saved)).toEqual(bitsOf(expected[adamStep]));
      expect(saved.adamCount).toBe(adamStep === 'clean' ? null : 1 + TO - FROM);
    },
  );
});
