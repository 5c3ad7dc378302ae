// Takes steps of a run again from one of its checkpoints and compares what comes out with what was recorded: rows, loss, gradient norm, and where a kept
// checkpoint is reached, every byte of its weights and moments.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileSha256, loadCheckpoint, saveCheckpoint, type CheckpointContent } from '../../src/checkpoint/checkpoint.ts';
import type { Arm } from '../../src/job-spec.ts';
import type { Proof } from '../../src/intervention/batch.ts';
import { readModelConfig, type ModelConfig } from '../../src/model/config.ts';
import { travel, type StepRecord } from '../../src/train/loop.ts';
import { disposeState, fromState, type TrainState } from '../../src/train/state.ts';
import type { Batches } from '../batches.ts';
import { loadStart, loopPlan, startOf } from '../intervention.ts';
import type { Preparation } from '../preparation.ts';
import { compareFigure, type Finding } from './finding.ts';
import type { StartPoint } from './starts.ts';

/** Relative: other machines and back ends add in another order. The gradient norm forgives less well than the mean of losses. */
export const TOLERANCES = { loss: 1e-4, gradientNorm: 1e-3, weights: 1e-3 } as const;

export interface RecordedStep {
  /** Null, as the norm, where it was not finite. */
  readonly lossNats: number | null;
  readonly gradientNorm: number | null;
}

export interface Retraining {
  readonly arm: Arm;
  readonly preparation: Preparation;
  readonly batches: Batches;
  readonly start: StartPoint;
  /** The last step to take. */
  readonly last: number;
  /** Kept checkpoints on the way, by step. */
  readonly kept: ReadonlyMap<number, string>;
  readonly recorded: ReadonlyMap<number, RecordedStep>;
  /** Whether nothing but the same bits will do. */
  readonly isExact: boolean;
  readonly onStep: (step: number) => void;
}

/** Trains from the start point; the back end has been selected. Throws what training throws. */
export async function retrain(request: Retraining): Promise<Finding[]> {
  const { preparation, batches, start, last, kept, isExact } = request;
  const { plan, model } = preparation;
  const config = readModelConfig(model.configPath);
  const content = await loadStart(start.folder, config, start.step);
  const state = startOf({ plan, isOwnCheckpoint: start.isOwn }, config, content);
  const findings: Finding[] = [];
  const landings = [...kept.keys()].filter((step) => step > start.step && step <= last + 1);
  const goal = {
    ...loopPlan({ plan }, config),
    to: last + 1,
    evaluateAt: new Set<number>(),
    saveAt: new Set(landings),
  };
  const end = await travel(state, goal, {
    replay: async (step) => {
      const { batch, proof } = await batches.of(step);
      return { ...batch, proof };
    },
    rewrite: (batch) => ({ batch, proof: batch.proof }),
    record: (step) => {
      findings.push(...compareStep(request, step));
      request.onStep(step.step);
    },
    evaluate: () => Promise.resolve(),
    save: async (reached) => {
      const folder = kept.get(reached.step)!; // saved only there
      const where = { arm: request.arm, step: reached.step };
      findings.push(...(await compareState(reached, folder, { config, configPath: model.configPath, isExact, where })));
    },
  });
  disposeState(end);
  return findings;
}

function compareStep({ arm, recorded, isExact }: Retraining, found: StepRecord<Proof>): Finding[] {
  const { step, lossNats, gradientNorm } = found;
  const expected = recorded.get(step);
  if (expected === undefined)
    return [{ subject: 'loss', verdict: 'not checked', arm, step, words: 'the step was not recorded' }];
  const { loss, gradientNorm: ofNorm } = TOLERANCES;
  return [
    compareFigure('loss', expected.lossNats, lossNats, isExact ? null : loss, { arm, step }),
    compareFigure('gradient norm', expected.gradientNorm, gradientNorm, isExact ? null : ofNorm, { arm, step }),
  ];
}

interface Landing {
  readonly config: ModelConfig;
  readonly configPath: string;
  readonly isExact: boolean;
  readonly where: Pick<Finding, 'arm' | 'step'>;
}

/** The state as a checkpoint's files, against those that were kept. */
async function compareState(state: TrainState, folder: string, landing: Landing): Promise<Finding[]> {
  const { config, configPath, isExact, where } = landing;
  const content = await fromState(state);
  const scratch = await mkdtemp(join(tmpdir(), 'tiresias-verify-'));
  try {
    await saveCheckpoint(join(scratch, 'again'), content, config, configPath);
    const findings: Finding[] = [];
    for (const [subject, name] of [
      ['weights', 'model.safetensors'],
      ['moments', 'optimizer.safetensors'],
    ] as const) {
      const [expected, found] = await Promise.all(
        [folder, join(scratch, 'again')].map((one) => fileSha256(join(one, name))),
      );
      const hashes = { expected: expected!, found: found! }; // two in, two out
      if (expected === found) findings.push({ subject, verdict: 'equal', ...where, ...hashes });
      else if (isExact) findings.push({ subject, verdict: 'differs', ...where, ...hashes });
      else findings.push(compareDistance(subject, content, await loadCheckpoint(folder, config), where));
    }
    return findings;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function compareDistance(
  subject: 'weights' | 'moments',
  found: CheckpointContent,
  expected: CheckpointContent,
  where: Pick<Finding, 'arm' | 'step'>,
): Finding {
  const parts = ({ parameters, moments }: CheckpointContent) =>
    subject === 'weights' ? [parameters] : [moments?.expAvg ?? new Map(), moments?.expAvgSq ?? new Map()];
  const others = parts(found);
  const distance = Math.max(...parts(expected).map((part, i) => relativeDistance(others[i]!, part))); // as many of each
  const verdict = distance <= TOLERANCES.weights ? 'within tolerance' : 'differs';
  return { subject, verdict, ...where, expected: 0, found: distance, words: 'L2 distance relative to the norm' };
}

function relativeDistance(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  let [difference, norm] = [0, 0];
  for (const [name, values] of b) {
    const others = a.get(name);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!; // i < length
      difference += (value - (others?.[i] ?? 0)) ** 2;
      norm += value ** 2;
    }
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}
