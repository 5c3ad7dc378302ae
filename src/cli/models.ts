// `tiresias models`: the models that a job can name, and registering a checkpoint folder under a name.
import { InvalidArgumentError, type Command } from 'commander';
import { openCatalog } from '../catalog.ts';
import { checkpointSchema } from '../job-spec.ts';
import { homeFolder } from '../settings.ts';
import { findModel, hasMoments } from '../suite/models.ts';
import { formatTable } from './table.ts';

interface AddOptions {
  readonly from: string;
  readonly checkpoint: string;
  readonly tokenizer?: string;
  readonly peakLr?: number;
  readonly json?: true;
}

export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('models and their checkpoints');
  models
    .command('list')
    .description('every model that a job can name')
    .option('--json', 'print {"models": […]}')
    .addHelpText('after', '\nExample:\n  $ tiresias models list')
    .action(list);
  models
    .command('show')
    .description('one model: its checkpoints and where they are')
    .argument('<name>', 'the model')
    .option('--json', 'print one object')
    .addHelpText('after', '\nExample:\n  $ tiresias models show nano-1m')
    .action((name: string, { json }: { json?: true }) => show(name, json === true));
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
    .option('--json', 'print the model as `models show --json` does')
    .addHelpText(
      'after',
      '\nThe folder is not copied: leave it where it is.' +
        '\n\nExample:\n  $ tiresias models add pythia-70m-deduped --from ./step133000 --checkpoint step133000',
    )
    .action(add);
}

function list({ json }: { json?: true }): void {
  const models = openCatalog(homeFolder()).models();
  if (json) {
    process.stdout.write(`${JSON.stringify({ models })}\n`);
    return;
  }
  const rows = models.map(({ name, suite, numParameters, checkpoints, endStep }) => [
    name,
    suite,
    `${(numParameters / 1e6).toFixed(1)} M`,
    describeCheckpoints(checkpoints),
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

function show(name: string, isJson: boolean): void {
  const home = homeFolder();
  const { configPath, tokenizerPath, schedule, checkpoints } = findModel(home, name);
  const described = openCatalog(home)
    .models()
    .find((model) => model.name === name);
  const files = [...checkpoints].map(([step, folder]) => ({
    checkpoint: `step${step}`,
    hasOptimizerState: hasMoments(findModel(home, name), step),
    folder,
  }));
  const model = { ...described, configPath, tokenizerPath, schedule, checkpoints: files };
  if (isJson) {
    process.stdout.write(`${JSON.stringify(model)}\n`);
    return;
  }
  const facts = [
    ['model', name],
    ['parameters', String(described?.numParameters)],
    [
      'learning rate',
      `${schedule.peak} after step ${schedule.warmupSteps}, cosine to ${schedule.floor} at ${schedule.totalSteps}`,
    ],
    ['tokenizer', tokenizerPath],
    ['benchmarks', described?.benchmarks.join(', ') ?? ''],
  ];
  const rows = files.map(({ checkpoint, hasOptimizerState, folder }) => [
    checkpoint,
    hasOptimizerState ? 'weights and moments' : 'weights',
    folder,
  ]);
  process.stdout.write(`${formatTable(facts)}\n${formatTable([['CHECKPOINT', 'HOLDS', 'FOLDER'], ...rows])}`);
}

function add(name: string, { from, checkpoint, tokenizer, peakLr, json }: AddOptions): void {
  const catalog = openCatalog(homeFolder());
  const { checkpoints } = catalog.addModel({ name, checkpoint, folder: from, tokenizer, peakLearningRate: peakLr });
  if (json) return show(name, true);
  process.stdout.write(`${name} ${checkpoint}\n`);
  if (checkpoints.some((one) => one.checkpoint === checkpoint && !one.hasOptimizerState)) {
    process.stderr.write(
      "the folder holds no optimizer.safetensors: a resume from here starts Adam's moments at zero\n",
    );
  }
}

function parseCheckpoint(text: string): string {
  if (!checkpointSchema.safeParse(text).success)
    throw new InvalidArgumentError('expected stepN, for example step133000.');
  return text;
}

function parseRate(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('expected a number between 0 and 1, for example 1e-3.');
  return value;
}
