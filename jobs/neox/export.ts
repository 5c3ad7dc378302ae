// A job's window for GPT-NeoX, the engine that trained Pythia: rewritten rows, index arrays, checkpoint, settings, and a manifest that vouches for
// each step's rows. The first stops of the road (dataset → replay → rewrite) with another engine behind them.
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileSha256 } from '../../src/checkpoint/checkpoint.ts';
import { growWholeFolder } from '../../src/checkpoint/appear-whole.ts';
import { exportCheckpoint } from '../../src/checkpoint/export.ts';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.ts';
import { createIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { writeRowMaps } from '../../src/data/row-maps.ts';
import { numSamplesRequested } from '../../src/data/sample-index.ts';
import type { TokenType } from '../../src/data/token-type.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { DataError, InputError } from '../../src/errors.ts';
import { numPronounEdits, type JobSpec, type TrainedArm } from '../../src/job-spec.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { openBatches } from '../batches.ts';
import { findBurnIn, rowsOfArm, suiteCheckpoint, type Preparation } from '../preparation.ts';
import { batchTask } from '../intervention.ts';
import { LAYOUT, neoxConfig, vocabDivisorFor, yamlOf, type EngineSettings } from './config.ts';
import { launchScript, readme } from './guide.ts';

export interface NeoxExport {
  readonly job: { readonly id: string; readonly name: string };
  readonly spec: JobSpec;
  readonly preparation: Preparation;
  readonly arm: TrainedArm;
  readonly home: string;
  readonly to: string;
  readonly microBatchSize: number;
  readonly tensorParallel: number;
  /** Starts Adam's moments from zero, whatever the plan says. */
  readonly weightsOnly: boolean;
  /** Hashes of steps that were trained here, by step: the exported ones must be the same. */
  readonly recorded: ReadonlyMap<number, { readonly sha256Before: string; readonly sha256After: string }>;
  /** The job whose burn-in it starts from; default: this one. */
  readonly burnInJob?: string;
  readonly onStep?: (step: number) => void;
}

export interface ExportedStep {
  readonly step: number;
  /** Of the original training's order. */
  readonly firstSample: number;
  readonly numRows: number;
  readonly sha256Before: string;
  readonly sha256After: string;
  readonly numRowsChanged: number;
  readonly numEdits: number;
  readonly editsByRule: Readonly<Record<string, number>>;
}

export interface NeoxManifest {
  readonly format: 'tiresias-neox-export-1';
  readonly engine: 'gpt-neox v1.0';
  readonly job: NeoxExport['job'];
  readonly arm: TrainedArm;
  readonly spec: unknown;
  readonly plan: unknown;
  readonly start: Start;
  readonly differences: readonly string[];
  readonly steps: readonly ExportedStep[];
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly sizeBytes: number }>>;
}

/** The order of the rows is theirs: nothing is drawn, and the seed only names files. */
const SEED = 1234;

/**
 * Writes the folder, which appears complete or not at all. Throws InputError for what GPT-NeoX cannot be given or a window without an edit, DataError when
 * the data are not those that the job was trained on.
 */
export async function exportForNeox(request: NeoxExport): Promise<NeoxManifest> {
  const { preparation, spec, arm, to, job } = request;
  const { plan, model } = preparation;
  const config = readModelConfig(model.configPath);
  const { microBatchSize, tensorParallel } = request;
  const vocabDivisor = vocabDivisorFor(config.vocabSize, readTokenizer(model.tokenizerPath).vocabSize, tensorParallel);
  const settings: EngineSettings = { microBatchSize, tensorParallel, vocabDivisor, seed: SEED };
  const yaml = yamlOf(neoxConfig(plan, config, settings));
  const start = await findStart(request);
  const differences = differencesOf(request, start);
  return growWholeFolder(to, async (folder) => {
    await writeCheckpoint(join(folder, LAYOUT.start), start, request, vocabDivisor);
    mkdirSync(join(folder, 'data'));
    const steps = await writeWindow(join(folder, LAYOUT.data), request);
    checkEdits(steps, request);
    writeFileSync(join(folder, LAYOUT.config), `# For GPT-NeoX v1.0; README.md says how it is used.\n${yaml}`);
    writeFileSync(join(folder, 'launch.sh'), launchScript(plan));
    chmodSync(join(folder, 'launch.sh'), 0o755);
    const guide = { job, arm, plan, settings, moments: start.words, differences };
    writeFileSync(join(folder, 'README.md'), readme(guide));
    const files = await hashFiles(folder);
    const sums = Object.entries(files).map(([path, { sha256 }]) => `${sha256}  ${path}\n`);
    writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''), { flush: true });
    const manifest: NeoxManifest = {
      ...{ format: 'tiresias-neox-export-1', engine: 'gpt-neox v1.0', job, arm, spec, plan },
      ...{ start, differences, steps, files },
    };
    writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 1)}\n`, { flush: true });
    return manifest;
  });
}

interface Start {
  readonly folder: string;
  readonly moments: 'checkpoint' | 'burn-in' | 'zero';
  readonly words: string;
}

/** The checkpoint from which this job's arms start, by the plan's resume. */
async function findStart({ preparation, home, job, burnInJob = job.id, weightsOnly }: NeoxExport): Promise<Start> {
  const { plan, model } = preparation;
  const folder = suiteCheckpoint(model, plan.from);
  if (weightsOnly || plan.resume === 'weights-only') {
    return {
      folder,
      moments: 'zero',
      words: 'No optimizer state: the masters are the weights, and Adam starts from moments of zero.',
    };
  }
  if (plan.resume === 'exact-state') {
    return { folder, moments: 'checkpoint', words: "Adam's moments are the checkpoint's own, in fp32." };
  }
  const burnIn = await findBurnIn(home, burnInJob, plan);
  if (burnIn === undefined) {
    throw new InputError(
      `the job resumes by a burn-in, and none of its has been made below ${join(home, 'jobs', burnInJob)}: let the job do it first, or start Adam from zero with --weights-only`,
    );
  }
  const words = `Adam's moments are estimated: a burn-in over the ${plan.burnInSteps} steps before step ${plan.from}.`;
  return { folder: burnIn, moments: 'burn-in', words };
}

function differencesOf({ preparation: { plan }, weightsOnly }: NeoxExport, start: Start): string[] {
  const { adamStep, rope, resume } = plan;
  return [
    'GPT-NeoX trains in fp16 with a dynamic loss scale and fp32 masters; Tiresias in fp32. An overflow skips an update, which still uses up its rows.',
    ...(adamStep === 'clean'
      ? [
          'The plan says adamStep "clean"; ZeRO stage 1 restarts Adam\'s count at every resume, so the first updates are up to 1.64 times as large.',
        ]
      : []),
    ...(rope === 'fp32-angles'
      ? ['The plan says rope "fp32-angles"; GPT-NeoX v1.0 in fp16 rounds the angles to fp16.']
      : []),
    ...(weightsOnly && resume !== 'weights-only'
      ? [`The plan says resume "${resume}"; this export was asked to leave the moments out.`]
      : []),
    ...(start.moments === 'zero'
      ? ['Moments of zero meet a count that starts at 2, not at 1: compare only with another arm that started alike.']
      : []),
  ];
}

async function writeCheckpoint(to: string, start: Start, request: NeoxExport, vocabDivisor: number): Promise<void> {
  const { plan, model } = request.preparation;
  const optimizer =
    start.moments === 'zero' ? undefined : new SafetensorsFile(join(start.folder, 'optimizer.safetensors'));
  try {
    await exportCheckpoint(start.folder, to, {
      ...{ format: 'neox', precision: 'fp16', tensorParallel: request.tensorParallel },
      ...{ configPath: model.configPath, tokenizer: model.tokenizerPath },
      ...(!existsSync(join(start.folder, 'state.json')) && { step: plan.from }),
      training: { schedule: plan.schedule, moments: optimizer?.tensors ?? null, vocabDivisor },
    });
  } finally {
    optimizer?.close();
  }
}

/** Writes the rows of every step of the window, as the trainer would see them. */
async function writeWindow(prefix: string, request: NeoxExport): Promise<ExportedStep[]> {
  const { preparation, spec, arm, recorded, onStep } = request;
  const { from, to, rowsPerStep, seqLength } = preparation.plan;
  const batches = await openBatches(batchTask(rowsOfArm(preparation, spec, arm)));
  const writer = createIndexedDataset(prefix, wholeNumbers(batches.tokenType));
  try {
    const steps: ExportedStep[] = [];
    for (let step = from; step < to; step++) {
      const { batch, proof } = await batches.of(step);
      const { firstSample, numRows, rowLength, tokens } = batch;
      checkRecorded(step, proof, recorded.get(step));
      for (let row = 0; row < numRows; row++) writer.add(tokens.subarray(row * rowLength, (row + 1) * rowLength));
      const { sha256Before, sha256After, numRowsChanged, numEdits, editsByRule } = proof;
      const place = { step, firstSample, numRows };
      steps.push({ ...place, sha256Before, sha256After, numRowsChanged, numEdits, editsByRule });
      onStep?.(step);
    }
    writer.finish();
    const order = { seqLength, numSamples: numSamplesRequested(to, rowsPerStep), seed: SEED };
    writeRowMaps(prefix, { numRows: (to - from) * rowsPerStep, firstSample: from * rowsPerStep }, order);
    return steps;
  } finally {
    writer.close();
    batches.close();
  }
}

/** GPT-NeoX and Megatron-LM disagree about one of the floating-point codes; ids are whole numbers in any case. */
function wholeNumbers(type: TokenType): TokenType {
  return type === 'float32' || type === 'float64' ? 'int32' : type;
}

function checkRecorded(
  step: number,
  found: { readonly sha256Before: string; readonly sha256After: string },
  expected: { readonly sha256Before: string; readonly sha256After: string } | undefined,
): void {
  if (expected === undefined) return;
  if (found.sha256Before === expected.sha256Before && found.sha256After === expected.sha256After) return;
  throw new DataError(
    `step ${step}: the job was trained on rows ${expected.sha256Before} rewritten to ${expected.sha256After}, here they are ${found.sha256Before} rewritten to ${found.sha256After}: ` +
      'the data or the rules are others now; `tiresias verify` says which',
  );
}

function checkEdits(steps: readonly ExportedStep[], { arm, spec }: NeoxExport): void {
  if (arm !== 'intervention' || spec.intervention.expectNoEdits) return;
  if (steps.some(({ editsByRule }) => numPronounEdits(editsByRule) > 0)) return;
  throw new InputError(
    'no pronoun was changed in the whole window: policy, direction or data are not what was meant; if they are, set intervention.expectNoEdits',
  );
}

async function hashFiles(folder: string): Promise<NeoxManifest['files']> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
  const files: Record<string, { sha256: string; sizeBytes: number }> = {};
  for (const path of paths) {
    const place = join(folder, path);
    files[path] = { sha256: await fileSha256(place), sizeBytes: statSync(place).size };
  }
  return files;
}
