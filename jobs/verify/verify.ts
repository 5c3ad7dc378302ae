// Verification by others: k steps of each trained arm of a job are made again from its manifest and the files here, and everything that comes out is compared
// with what was recorded. It says of each step what could be checked, and why not.
import { DataError, messageOf } from '../../src/errors.ts';
import { TRAINED_ARMS, type Arm } from '../../src/job-spec.ts';
import { selectBackend, type BackendName } from '../../src/tensor/backend.ts';
import { openBatches, type Batches } from '../batches.ts';
import { batchTask } from '../intervention.ts';
import { isTrainedOutside } from '../outside.ts';
import { rowsOfArm, type Preparation } from '../preparation.ts';
import type { JobRecord, RecordedRun } from '../record.ts';
import { chooseSteps, type Choice } from './choice.ts';
import { compareFiles } from './files.ts';
import { compare, type Finding } from './finding.ts';
import { retrain, type RecordedStep } from './retrain.ts';
import { findStarts, type StartPoint } from './starts.ts';

export interface VerifyOptions {
  readonly home: string;
  /** Steps of each arm. */
  readonly numSteps: number;
  readonly seed: number;
  /** Steps that are trained at most to reach one. */
  readonly reach: number;
  /** Leaves training out. */
  readonly isRowsOnly: boolean;
  /** What computes; default: what the job computed on. */
  readonly backend?: BackendName | undefined;
  readonly onPlan?: (numSteps: number) => void;
  readonly onStep?: (words: string) => void;
}

export interface Report {
  readonly job: JobRecord['job'];
  /** What is asked of repeated training. */
  readonly basis: 'bit for bit' | 'within tolerance';
  /** Why not bit for bit. */
  readonly otherThanThen: readonly string[];
  readonly findings: readonly Finding[];
}

interface ArmPlan {
  readonly arm: Arm;
  readonly run: RecordedRun;
  readonly starts: readonly StartPoint[];
  readonly choice: Choice;
}

/** Verifies a job by its record; `preparation` is made of the record's spec and plan in this home folder. */
export async function verifyJob(record: JobRecord, preparation: Preparation, options: VerifyOptions): Promise<Report> {
  const backend = options.backend ?? preparation.plan.backend.name;
  const files = await compareFiles(record, preparation, backend);
  const findings: Finding[] = [...files.findings];
  const canTrain = options.isRowsOnly ? 'it was asked for rows only' : await whyNoBackend(backend);
  const plans: ArmPlan[] = [];
  for (const arm of TRAINED_ARMS) {
    const run = record.arms[arm];
    if (run === undefined || run.steps.step.length === 0) {
      if (record.spec.arms.includes(arm)) findings.push(nothingOf(arm, record));
      continue;
    }
    const found = await findStarts(record, preparation, arm, { ...options, isStartTheSame: files.isStartTheSame });
    findings.push(...found.findings);
    const choice = chooseSteps(run.steps.step, found.starts, { ...options, count: options.numSteps });
    plans.push({ arm, run, starts: found.starts, choice });
  }
  const isExact = files.otherThanThen.length === 0;
  options.onPlan?.(plans.reduce((sum, { choice }) => sum + numStepsOf(choice, canTrain === undefined), 0));
  for (const plan of plans) {
    findings.push(...(await verifyArm(record, preparation, plan, { ...options, isExact, canTrain })));
  }
  return {
    ...{ job: record.job, basis: isExact ? 'bit for bit' : 'within tolerance', otherThanThen: files.otherThanThen },
    findings,
  };
}

/** Why nothing can be trained here; undefined where it can. */
async function whyNoBackend(backend: BackendName): Promise<string | undefined> {
  try {
    await selectBackend(backend);
    return undefined;
  } catch (error) {
    return `${messageOf(error)}; name another with --backend`;
  }
}

function nothingOf(arm: Arm, { spec }: JobRecord): Finding {
  const words = isTrainedOutside(spec, arm) ? 'GPT-NeoX trained this arm, outside' : 'no step of this arm was recorded';
  return { subject: 'steps', verdict: 'not checked', arm, words };
}

function numStepsOf({ steps, trainings }: Choice, isTraining: boolean): number {
  const trained = trainings.reduce((sum, { start, last }) => sum + last + 1 - start.step, 0);
  return steps.length + (isTraining ? trained : 0);
}

interface ArmOptions extends VerifyOptions {
  readonly isExact: boolean;
  readonly canTrain: string | undefined;
}

async function verifyArm(
  record: JobRecord,
  preparation: Preparation,
  { arm, run, starts, choice }: ArmPlan,
  { isExact, canTrain, reach, onStep }: ArmOptions,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const batches = await openBatches(batchTask(rowsOfArm(preparation, record.spec, arm)));
  try {
    for (const step of choice.steps) {
      findings.push(...(await verifyRows(batches, arm, run, step)));
      onStep?.(`${arm}: rows of step ${step}`);
      const why = canTrain ?? tooFar(choice, step, reach);
      if (why !== undefined) findings.push({ subject: 'training', verdict: 'not checked', arm, step, words: why });
    }
    const kept = new Map(starts.filter(({ isOwn }) => isOwn).map(({ step, folder }) => [step, folder]));
    for (const { start, last } of canTrain === undefined ? choice.trainings : []) {
      const request = { arm, preparation, batches, start, last, kept, recorded: figuresOf(run), isExact };
      findings.push(...(await retrain({ ...request, onStep: (step) => onStep?.(`${arm}: training step ${step}`) })));
    }
  } finally {
    batches.close();
  }
  return findings;
}

async function verifyRows(batches: Batches, arm: Arm, { steps }: RecordedRun, step: number): Promise<Finding[]> {
  const at = steps.step.indexOf(step);
  let proof;
  try {
    ({ proof } = await batches.of(step));
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return [{ subject: 'rows before rewriting', verdict: 'differs', arm, step, words: messageOf(error) }];
  }
  return [
    compare('rows before rewriting', steps.sha256Before[at]!, proof.sha256Before, { arm, step }), // a recorded step
    compare('rows after rewriting', steps.sha256After[at]!, proof.sha256After, { arm, step }),
  ];
}

function tooFar({ trainings }: Choice, step: number, reach: number): string | undefined {
  if (trainings.some(({ start, last }) => start.step <= step && step <= last)) return undefined;
  return `no kept checkpoint lies within ${reach} steps before it`;
}

function figuresOf({ steps }: RecordedRun): ReadonlyMap<number, RecordedStep> {
  return new Map(
    steps.step.map((step, i) => [
      step,
      { lossNats: steps.lossNats[i] ?? null, gradientNorm: steps.gradientNorm[i] ?? null },
    ]),
  );
}
