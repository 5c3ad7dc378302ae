// `tiresias import neox`: a checkpoint that GPT-NeoX trained for a job, taken in as the job's run and handed to a worker for scoring.
import { Option, type Command } from 'commander';
import { rmSync } from 'node:fs';
import { importForJob } from '../../jobs/neox/import.ts';
import { InputError } from '../errors.ts';
import { jobSpecSchema, TRAINED_ARMS, type TrainedArm } from '../job-spec.ts';
import { homeFolder } from '../settings.ts';
import { findModel } from '../suite/models.ts';
import { connect, urlOption } from './api-client.ts';
import type { Job } from './api-answers.ts';
import { wholeNumber } from './options.ts';

interface ImportOptions {
  readonly arm: TrainedArm;
  readonly from: string;
  readonly step?: number;
  readonly export?: string;
  readonly url?: string;
  readonly json?: true;
}

const HELP = `
The job must have been submitted with "training": {"engine": "gpt-neox"}, so that both of its arms are trained alike. Its weights are written into
TIRESIAS_HOME/jobs/ID/outside/ARM/step-N, which the workers must see, too. Where the export that GPT-NeoX was given lies around --from, its manifest must be
of this job and arm. The hashes of the export and of every file of the checkpoint are recorded with it, and its scores are labelled "trained by GPT-NeoX".

Examples:
  $ tiresias import neox "$id" --arm intervention --from /scratch/swapped/trained
  $ tiresias import neox "$id" --arm control --from /scratch/control/trained --step 138000
`;

/** Registers the command. */
export function addImportNeoxCommand(program: Command): void {
  program
    .command('import')
    .description('what another engine trained for a job')
    .command('neox')
    .description('a checkpoint of GPT-NeoX, to be scored as the run of a job')
    .argument('<job>', "the job's id")
    .addOption(new Option('--arm <name>', 'which').choices(TRAINED_ARMS).makeOptionMandatory())
    .requiredOption('--from <folder>', "GPT-NeoX's save folder, or one global_stepN in it")
    .option('--step <n>', 'which checkpoint (default: the latest)', wholeNumber(1))
    .option('--export <folder>', 'the export that GPT-NeoX was given (default: the folder around --from)')
    .addOption(urlOption())
    .option('--json', 'print the whole job')
    .addHelpText('after', HELP)
    .action(importNeox);
}

async function importNeox(id: string, options: ImportOptions): Promise<void> {
  const api = connect(options.url);
  const job = await api.job(id);
  const { configPath, window } = checkFits(job, options.arm);
  const { arm, from, step } = options;
  const request = {
    jobId: job.id,
    arm,
    window,
    from,
    step,
    exportFolder: options.export,
    configPath,
    home: homeFolder(),
  };
  const { checkpoint, imported } = await importForJob(request);
  let answer: Job;
  try {
    answer = await api.addCheckpoint(job.id, checkpoint);
  } catch (error) {
    rmSync(checkpoint.path, { recursive: true, force: true }); // it is no checkpoint of the job
    throw error;
  }
  process.stderr.write(`weights: from the ${imported.weights}\n`);
  if (checkpoint.origin.exportManifestSha256 === null)
    process.stderr.write('no export was found around --from: nothing here says what rows it was trained on\n');
  if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
  else process.stdout.write(`${JSON.stringify({ arm, step: checkpoint.step, folder: checkpoint.path })}\n`);
}

/** Whether the job wants such a checkpoint; the server checks it again. */
function checkFits({ id, spec: stored, plan }: Job, arm: TrainedArm) {
  const spec = jobSpecSchema.parse(stored); // the server checked it
  if (spec.training.engine !== 'gpt-neox')
    throw new InputError(`job ${id} is trained here: submit one with "training": {"engine": "gpt-neox"}`);
  if (!spec.arms.includes(arm)) throw new InputError(`job ${id} has no arm ${arm}: it has ${spec.arms.join(', ')}`);
  const { from, to } = (plan ?? {}) as { readonly from?: number; readonly to?: number };
  if (from === undefined || to === undefined)
    throw new InputError(
      `no worker has begun job ${id}, so it has no plan yet: start one, and import when the job waits`,
    );
  return { configPath: findModel(homeFolder(), spec.model).configPath, window: { from, to } };
}
