// `tiresias export neox`: a job's window, checkpoint and settings for GPT-NeoX, for models that outgrow the engine here.
import { Option, type Command } from 'commander';
import { resolve } from 'node:path';
import { exportForNeox, type NeoxExport } from '../../jobs/neox/export.ts';
import { prepare, type Preparation } from '../../jobs/preparation.ts';
import { jobOfBurnIn, type JobRecord } from '../../jobs/record.ts';
import { jobSpecSchema, TRAINED_ARMS, type TrainedArm } from '../job-spec.ts';
import { homeFolder, hubAccess } from '../settings.ts';
import { connect, urlOption } from './api-client.ts';
import { findJobRecord } from './job-record.ts';
import { wholeNumber } from './options.ts';
import { startProgress } from './progress.ts';

interface ExportOptions {
  readonly arm: TrainedArm;
  readonly to?: string;
  readonly microBatch?: number;
  readonly tensorParallel: number;
  readonly weightsOnly?: true;
  readonly url?: string;
}

const HELP = `
Writes data/ (the rewritten rows as .bin and .idx, and index arrays by which GPT-NeoX reads them in their order), checkpoint/ (the job's start in
GPT-NeoX's form, with the optimizer), config.yml, launch.sh, README.md, and manifest.json with the SHA-256 of every file and of each step's rows before
and after rewriting. The folder is there when everything was written, and not before.

The window is made here, from the model and dataset that the job names: run the command where TIRESIAS_HOME has them.

Examples:
  $ tiresias export neox "$id" --to /scratch/swapped
  $ tiresias export neox "$id" --arm control --to /scratch/control --tensor-parallel 2 --micro-batch 8
  $ GPT_NEOX=~/gpt-neox /scratch/swapped/launch.sh
  $ tiresias import neox "$id" --arm intervention --from /scratch/swapped/trained --step 143000
`;

/** The command `export`, made by whoever comes first. */
export function exportCommand(program: Command): Command {
  const made = program.commands.find((command) => command.name() === 'export');
  return made ?? program.command('export').description('a job for other programs');
}

/** Registers the command. */
export function addExportNeoxCommand(program: Command): void {
  exportCommand(program)
    .command('neox')
    .description('a folder from which GPT-NeoX v1.0 trains one arm of a job')
    .argument('<job>', "the job's id")
    .addOption(new Option('--arm <name>', 'which').choices(TRAINED_ARMS).default('intervention'))
    .option('--to <folder>', 'folder to make (default: neox-ID-ARM)')
    .option('--micro-batch <n>', 'rows of one forward pass on one GPU (default: at most 8)', wholeNumber(1))
    .option('--tensor-parallel <n>', 'GPUs that share one copy of the model', wholeNumber(1), 1)
    .option('--weights-only', "start Adam's moments from zero, whatever the job says")
    .addOption(urlOption())
    .addHelpText('after', HELP)
    .action(exportJob);
}

async function exportJob(id: string, options: ExportOptions): Promise<void> {
  const { arm, tensorParallel, url } = options;
  const home = homeFolder();
  const { id: jobId, name, spec: stored, plan, start } = await connect(url).job(id);
  const spec = jobSpecSchema.parse(stored); // the server checked it
  const preparation = await prepare(spec, plan ?? null, home, { hub: hubAccess(), start });
  const record = await findJobRecord(jobId, url);
  const recorded = recordedSteps(record, arm);
  const { from, to } = preparation.plan;
  const progress = startProgress(to - from);
  try {
    const request: NeoxExport = {
      ...{ job: { id: jobId, name }, spec, preparation, arm, home, tensorParallel, recorded },
      ...(record !== undefined && { burnInJob: jobOfBurnIn(record) }),
      to: resolve(options.to ?? `neox-${jobId}-${arm}`),
      microBatchSize: options.microBatch ?? defaultMicroBatch(preparation),
      weightsOnly: options.weightsOnly === true,
      onStep: (step) => progress.update(step + 1 - from, `step ${step}`),
    };
    const { files, steps, start } = await exportForNeox(request);
    progress.stop();
    const edits = steps.reduce((sum, { numEdits }) => sum + numEdits, 0);
    process.stderr.write(`${start.words}\n`);
    const summary = { folder: request.to, arm, from, to, numSteps: steps.length, numEdits: edits };
    const compared = steps.filter(({ step }) => recorded.has(step)).length;
    process.stdout.write(
      `${JSON.stringify({ ...summary, numStepsComparedWithTheJob: compared, numFiles: Object.keys(files).length })}\n`,
    );
  } finally {
    progress.stop();
  }
}

function recordedSteps(record: JobRecord | undefined, arm: TrainedArm): NeoxExport['recorded'] {
  const steps = record?.arms[arm]?.steps;
  return new Map(
    steps?.step.map((step, i) => [
      step,
      { sha256Before: steps.sha256Before[i]!, sha256After: steps.sha256After[i]! }, // columns of one length
    ]),
  );
}

/** The largest power of two to 8 that divides a step's rows. */
function defaultMicroBatch({ plan }: Preparation): number {
  return [8, 4, 2, 1].find((size) => plan.rowsPerStep % size === 0) ?? 1;
}
