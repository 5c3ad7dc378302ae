// `tiresias export mlflow|tensorboard|lm-eval|hugging-face`: a job's curves, scores and checkpoints for other programs.
import { Option, type Command } from 'commander';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeWholeFile } from '../checkpoint/appear-whole.ts';
import { exportCheckpoint } from '../checkpoint/export.ts';
import { InputError, NotFoundError } from '../errors.ts';
import { armsOf, type JobReport } from '../handover/job-report.ts';
import { lmEvalResults } from '../handover/lm-eval.ts';
import { exportToMlflow } from '../handover/mlflow.ts';
import { modelCard } from '../handover/model-card.ts';
import { TensorboardLog } from '../handover/tensorboard.ts';
import { FINAL_STATES } from '../job-spec.ts';
import { mlflowAccess } from '../settings.ts';
import { connect, urlOption } from './api-client.ts';
import { exportCommand } from './export-neox.ts';
import { wholeNumber } from './options.ts';

const FOLLOW_MS = 5_000;

interface Options {
  readonly url?: string;
  readonly follow?: true;
}

interface CheckpointOptions extends Options {
  readonly arm: string;
  readonly step?: number;
  readonly to: string;
  readonly precision: 'fp16' | 'fp32';
  readonly tokenizer?: string;
}

/** Registers the commands. */
export function addExportJobCommands(program: Command): void {
  const parent = exportCommand(program);
  parent
    .command('mlflow')
    .description('curves and scores to an MLflow tracking server, a run for each arm')
    .argument('<job>', "the job's id")
    .option('--uri <address>', 'the server (default: MLFLOW_TRACKING_URI, http://127.0.0.1:5000)')
    .option('--experiment <name>', "MLflow's experiment", 'tiresias')
    .option('--follow', 'go on until the job is over')
    .addOption(urlOption())
    .addHelpText(
      'after',
      '\nExporting again adds only what is new. MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, log in.' +
        '\n\nExample:\n  $ tiresias export mlflow "$id" --uri http://tracking:5000 --follow',
    )
    .action(async (id: string, options: Options & { uri?: string; experiment: string }) => {
      const { uri, authorization } = mlflowAccess();
      const server = { uri: options.uri ?? uri, authorization };
      await exportFigures(id, options, (report) => exportToMlflow(report, server, options.experiment));
    });
  parent
    .command('tensorboard')
    .description('curves and scores as event files, a log folder for each arm')
    .argument('<job>', "the job's id")
    .requiredOption('--to <folder>', 'where the log folders go')
    .option('--follow', 'go on until the job is over')
    .addOption(urlOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ tiresias export tensorboard "$id" --to logs/swap && tensorboard --logdir logs',
    )
    .action(async (id: string, options: Options & { to: string }) => {
      const log = new TensorboardLog(options.to);
      await exportFigures(id, options, (report) => Promise.resolve(log.write(report)));
    });
  parent
    .command('lm-eval')
    .description("scores as lm-evaluation-harness's results files, one for each arm and step")
    .argument('<job>', "the job's id")
    .requiredOption('--to <folder>', 'where the files go')
    .addOption(urlOption())
    .addHelpText('after', '\nExample:\n  $ tiresias export lm-eval "$id" --to results')
    .action(exportLmEval);
  parent
    .command('hugging-face')
    .description('a checkpoint as a folder for transformers, with a model card that states the intervention')
    .argument('<job>', "the job's id")
    .option('--arm <name>', 'which', 'intervention')
    .option('--step <n>', 'updates finished (default: the last that is kept)', wholeNumber(0))
    .requiredOption('--to <folder>', 'folder to make')
    .addOption(new Option('--precision <name>', 'numbers').choices(['fp16', 'fp32']).default('fp32'))
    .option('--tokenizer <path>', "tokenizer.json or a folder with tokenizer files (default: the checkpoint's)")
    .addOption(urlOption())
    .addHelpText(
      'after',
      '\nRun it where the workers keep their checkpoints.\n\nExample:\n  $ tiresias export hugging-face "$id" --to swapped',
    )
    .action(exportFolder);
}

async function readReport(id: string, url: string | undefined): Promise<JobReport> {
  const client = connect(url);
  const job = await client.job(id);
  const [{ arms }, { scores, effects, labels }] = await Promise.all([client.curves(id), client.scores(id)]);
  return { job, curves: arms, scores, effects, labels };
}

/** Exports once, or until the job is over, and says how many figures went out. */
async function exportFigures(
  id: string,
  { url, follow }: Options,
  send: (report: JobReport) => Promise<number>,
): Promise<void> {
  for (;;) {
    const report = await readReport(id, url);
    const numPoints = await send(report);
    process.stdout.write(
      `${JSON.stringify({ job: report.job.id, state: report.job.state, arms: armsOf(report), numPoints })}\n`,
    );
    if (follow === undefined || (FINAL_STATES as readonly string[]).includes(report.job.state)) return;
    await sleep(FOLLOW_MS);
  }
}

async function exportLmEval(id: string, { url, to }: Options & { to: string }): Promise<void> {
  const report = await readReport(id, url);
  const places = new Map(report.scores.map(({ arm, step }) => [`${arm}-step${step}`, { arm, step }]));
  if (places.size === 0) throw new InputError(`job ${id} has no scores yet: wait until it has evaluated an arm`);
  mkdirSync(to, { recursive: true });
  for (const [name, { arm, step }] of places) {
    const path = join(to, `results_${name}.json`);
    const text = `${JSON.stringify(lmEvalResults(report, arm, step), null, 2)}\n`;
    writeWholeFile(path, (descriptor) => writeFileSync(descriptor, text));
    process.stdout.write(`${path}\n`);
  }
}

async function exportFolder(
  id: string,
  { url, arm, step, to, precision, tokenizer }: CheckpointOptions,
): Promise<void> {
  const client = connect(url);
  const kept = (await client.checkpoints(id)).filter(
    (one) => one.arm === arm && (step === undefined || one.step === step),
  );
  const last = kept.toSorted((a, b) => a.step - b.step).at(-1);
  if (last === undefined)
    throw new NotFoundError(`job ${id} keeps no checkpoint of ${arm}${step === undefined ? '' : ` at step ${step}`}`);
  const card = modelCard(await readReport(id, url), last);
  const exported = await exportCheckpoint(last.path, to, { format: 'hugging-face', precision, tokenizer, card });
  process.stdout.write(`${JSON.stringify({ arm, step: last.step, ...exported })}\n`);
}
