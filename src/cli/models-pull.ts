// `tiresias models pull`: a checkpoint of the suite from the hub, or from its cache, registered so that a job can name it. `tiresias models verify`: whether
// checkpoints that are here are what they are called.
import type { Command } from 'commander';
import { DataError, NotFoundError } from '../errors.ts';
import { homeFolder, hubAccess } from '../settings.ts';
import { findModel } from '../suite/models.ts';
import { pullModel } from '../suite/pull.ts';
import { findPythia } from '../suite/pythia/models.ts';
import { verifyModel, type CheckpointReport } from '../suite/verify.ts';
import { parseCheckpoint } from './options.ts';
import { formatBytes, formatTable, printable } from './table.ts';
import { hubClient, say, untilStopped } from './until-stopped.ts';

interface PullOptions {
  readonly checkpoint: number;
  readonly forceBadRevision?: true;
  readonly to?: string;
  readonly json?: true;
}

interface VerifyOptions {
  readonly checkpoint?: number;
  readonly json?: true;
}

const VARIABLES =
  '\nVariables: HF_TOKEN, HF_ENDPOINT (a mirror), HF_HOME or HF_HUB_CACHE (the cache, shared with Python), HF_HUB_OFFLINE=1 (the cache alone).';

export function addModelsPullCommand(models: Command): void {
  models
    .command('pull')
    .description('fetch a checkpoint of the Pythia suite and register it; a stopped pull goes on where it was')
    .argument('<name>', 'a model of `tiresias models list --all`')
    .requiredOption('--checkpoint <stepN>', 'the step', parseCheckpoint)
    .option('--force-bad-revision', 'take a revision that is known to hold other weights')
    .option('--to <folder>', "a new folder for the files (default: Hugging Face's cache)")
    .option('--json', 'print {"model", "checkpoint", "revision", "commit", "folder", "sizeBytes"}')
    .addHelpText(
      'after',
      `${VARIABLES}\n\nExample:\n  $ tiresias models pull pythia-70m-deduped --checkpoint step133000`,
    )
    .action(pull);
}

export function addModelsVerifyCommand(models: Command): void {
  models
    .command('verify')
    .description(
      'check checkpoints that are here: shapes, finite numbers, tokenizer, and that none is the end or another step',
    )
    .argument('<name>', 'a model that is here')
    .option('--checkpoint <stepN>', 'one of its steps (default: all that are here)', parseCheckpoint)
    .option('--json', 'print {"model", "checkpoints": […]}')
    .addHelpText(
      'after',
      `\nExit code 2 when anything is wrong. The hub is asked for the hashes of the revision and of the end where it answers.${VARIABLES}` +
        '\n\nExample:\n  $ tiresias models verify pythia-70m-deduped --checkpoint step133000',
    )
    .action(verify);
}

async function pull(name: string, { checkpoint: step, forceBadRevision, to, json }: PullOptions): Promise<void> {
  const model = findPythia(name);
  if (model === undefined) {
    throw new NotFoundError(`the Pythia suite has no model "${name}"; \`tiresias models list --all\` names them`);
  }
  await untilStopped('what has arrived is kept, and the same command goes on with it', async (signal, show) => {
    const pulled = await pullModel(homeFolder(), hubClient(signal, 6), model, step, {
      ...{ isForced: forceBadRevision === true, to, onNotice: say },
      onProgress: ({ doneBytes, totalBytes, file }) => show(megabytes(totalBytes), megabytes(doneBytes), `MB, ${file}`),
    });
    const { folder, revision, commit, sizeBytes } = pulled;
    const result = { model: name, checkpoint: `step${step}`, revision, commit, folder, sizeBytes };
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${name} step${step}\n`);
    say(`${folder}${sizeBytes > 0 ? `, ${formatBytes(sizeBytes)}` : ''}`);
    if (model.form === 'neox') say('raw training state: turn it into a checkpoint with `tiresias checkpoint import`');
  });
}

async function verify(name: string, { checkpoint, json }: VerifyOptions): Promise<void> {
  const model = findModel(homeFolder(), name);
  const steps = checkpoint === undefined ? [...model.checkpoints.keys()] : [checkpoint];
  await untilStopped('nothing was changed', async (signal, show) => {
    const client = hubAccess().isOffline ? undefined : hubClient(signal, 1);
    let numDone = 0;
    const onTensor = (step: number, _: number, total: number) => {
      signal.throwIfAborted();
      show(total * model.checkpoints.size, ++numDone, `tensors, step${step}`);
    };
    const reports = await verifyModel(model, steps, { client, onTensor });
    if (json) {
      const checkpoints = reports.map(({ step, ...report }) => ({ checkpoint: `step${step}`, ...report }));
      process.stdout.write(`${JSON.stringify({ model: name, checkpoints })}\n`);
    } else process.stdout.write(reports.map(formatReport).join('\n'));
    const faulty = reports.filter(({ checks }) => checks.some(({ outcome }) => outcome === 'fault'));
    if (faulty.length > 0) {
      throw new DataError(`${name}: not what it is called: ${faulty.map(({ step }) => `step${step}`).join(', ')}`);
    }
  });
}

function formatReport({ step, folder, sha256, checks }: CheckpointReport): string {
  const rows = checks.map(({ name, outcome, detail }) => [`  ${name}`, outcome, printable(detail)]);
  const digest = sha256 === null ? '' : `  SHA-256 of the weights as fp32: ${sha256}\n`;
  return `step${step}  ${folder}\n${digest}${formatTable(rows)}`;
}

function megabytes(numBytes: number): number {
  return Math.ceil(numBytes / 1e6);
}
