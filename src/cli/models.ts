// `tiresias models`: the models that a job can name, and registering a checkpoint folder under a name; pull, verify and show have files of their own.
import { InvalidArgumentError, type Command } from 'commander';
import { openCatalog } from '../catalog.ts';
import { homeFolder } from '../settings.ts';
import { knownFault } from '../suite/pythia/revisions.ts';
import { addModelsPullCommand, addModelsVerifyCommand } from './models-pull.ts';
import { showModel } from './models-show.ts';
import { parseCheckpoint, wholeNumber } from './options.ts';
import { formatTable } from './table.ts';

interface AddOptions {
  readonly from: string;
  readonly checkpoint: number;
  readonly tokenizer?: string;
  readonly peakLr?: number;
  readonly family?: string;
  readonly seed?: number;
  readonly dataset?: string;
  readonly json?: true;
}

export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('models and their checkpoints');
  models
    .command('list')
    .description('every model that a job can name; with --all the whole Pythia suite, too')
    .option('--all', 'also models of which nothing is here')
    .option('--json', 'print {"models": […]}')
    .addHelpText('after', '\nExamples:\n  $ tiresias models list\n  $ tiresias models list --all')
    .action(list);
  models
    .command('show')
    .description('one model: sizes, training, checkpoints and where they are, what is unsure; here or not')
    .argument('<name>', 'the model')
    .option('--json', 'print one object')
    .addHelpText('after', '\nExample:\n  $ tiresias models show nano-1m')
    .action((name: string, { json }: { json?: true }) => showModel(name, json === true));
  models
    .command('add')
    .description('register a checkpoint folder; again with another step to add more checkpoints')
    .argument('<name>', 'what jobs call it, for example pythia-70m-deduped')
    .requiredOption(
      '--from <folder>',
      'config.json, model.safetensors, perhaps optimizer.safetensors and tokenizer.json',
    )
    .requiredOption('--checkpoint <stepN>', 'the step after which the weights were stored', parseCheckpoint)
    .option('--tokenizer <file>', 'tokenizer.json (default: the one in the folder, or of the earlier checkpoints)')
    .option('--peak-lr <x>', 'peak learning rate (default: by the size in the name, as Pythia trained)', parseRate)
    .option('--family <name>', 'what it shares with models that differ by their seed alone (default: as Pythia is)')
    .option('--seed <n>', 'the seed of its training', wholeNumber(0))
    .option('--dataset <name>', 'what it was trained on')
    .option('--json', 'print the model as `models show --json` does')
    .addHelpText(
      'after',
      '\nThe folder is not copied: leave it where it is.' +
        '\n\nExample:\n  $ tiresias models add pythia-70m-deduped --from ./step133000 --checkpoint step133000',
    )
    .action(add);
  addModelsPullCommand(models);
  addModelsVerifyCommand(models);
}

function list({ all, json }: { all?: true; json?: true }): void {
  const models = openCatalog(homeFolder())
    .models()
    .filter(({ isHere }) => isHere || all);
  if (json) {
    process.stdout.write(`${JSON.stringify({ models })}\n`);
    return;
  }
  const rows = models.map(({ name, suite, isHere, numParameters, checkpoints, numPublished, endStep }) => [
    name,
    suite,
    `${(numParameters / 1e6).toFixed(1)} M`,
    isHere ? describeCheckpoints(checkpoints) : `not here, ${numPublished} on the hub`,
    String(endStep),
  ]);
  process.stdout.write(formatTable([['MODEL', 'SUITE', 'PARAMETERS', 'CHECKPOINTS', 'END'], ...rows]));
}

function describeCheckpoints(
  checkpoints: readonly { readonly checkpoint: string; readonly hasOptimizerState: boolean }[],
) {
  const names = checkpoints.map(({ checkpoint }) => checkpoint);
  if (names.length <= 4) return names.join(' ') || 'none';
  return `${names.length}, ${names[0] ?? ''} … ${names.at(-1) ?? ''}`;
}

function add(name: string, { from, checkpoint: step, tokenizer, peakLr, json, ...origin }: AddOptions): void {
  const catalog = openCatalog(homeFolder());
  const checkpoint = `step${step}`;
  const given = { name, checkpoint, folder: from, tokenizer, peakLearningRate: peakLr, ...origin };
  const { checkpoints } = catalog.addModel(given);
  if (json) return showModel(name, true);
  process.stdout.write(`${name} ${checkpoint}\n`);
  const fault = knownFault(name, step);
  if (fault !== undefined) {
    process.stderr.write(`on the hub, ${fault.words} (${fault.thread}): run \`tiresias models verify ${name}\`\n`);
  }
  if (checkpoints.some((one) => one.checkpoint === checkpoint && !one.hasOptimizerState)) {
    process.stderr.write(
      "the folder holds no optimizer.safetensors: a resume from here estimates Adam's moments by a burn-in\n",
    );
  }
}

function parseRate(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('expected a number between 0 and 1, for example 1e-3.');
  return value;
}
