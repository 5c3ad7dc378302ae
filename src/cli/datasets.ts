// `tiresias datasets`: the token files that a job can name, and registering one's own.
import { Option, type Command } from 'commander';
import { LAYOUTS, type Layout } from '../data/replay.ts';
import { homeFolder } from '../settings.ts';
import { listDatasets, registerDataset } from '../suite/datasets.ts';
import { wholeNumber } from './options.ts';
import { formatTable } from './table.ts';

interface AddOptions {
  readonly data: string;
  readonly layout: Layout;
  readonly seqLength: number;
  readonly batchSize: number;
  readonly trainSteps?: number;
  readonly seed?: number;
  readonly json?: true;
}

export function addDatasetsCommand(program: Command): void {
  const datasets = program.command('datasets').description('tokenized training data');
  datasets
    .command('list')
    .description('every dataset that a job can name')
    .option('--json', 'print {"datasets": […]}')
    .addHelpText('after', '\nExample:\n  $ tiresias datasets list')
    .action(list);
  datasets
    .command('add')
    .description('register token files (.bin and .idx) after opening them')
    .argument('<name>', 'what jobs call it')
    .requiredOption('--data <prefix>', 'path of the .bin and .idx without their endings')
    .addOption(
      new Option('--layout <layout>', 'rows in training order, or documents to be packed and shuffled')
        .choices(LAYOUTS)
        .makeOptionMandatory(),
    )
    .requiredOption('--seq-length <n>', 'tokens of a model input', wholeNumber(1))
    .requiredOption('--batch-size <b>', 'samples of one step of the original training', wholeNumber(1))
    .option('--train-steps <i>', 'steps of the whole original training (documents)', wholeNumber(1))
    .option('--seed <s>', "seed of the original training's data order (documents)", wholeNumber(0))
    .option('--json', 'print the dataset')
    .addHelpText(
      'after',
      '\nThe files are not copied: leave them where they are.\n\nExample:' +
        '\n  $ tiresias datasets add pile-deduped --data ./document --layout preshuffled --seq-length 2048 --batch-size 1024',
    )
    .action(add);
}

function list({ json }: { json?: true }): void {
  const datasets = listDatasets(homeFolder());
  if (json) {
    process.stdout.write(`${JSON.stringify({ datasets })}\n`);
    return;
  }
  const rows = datasets.map(({ name, layout, seqLength, batchSize, numSamples }) => [
    ...[name, layout, String(seqLength), String(batchSize), String(numSamples)],
    String(Math.floor(numSamples / batchSize)),
  ]);
  process.stdout.write(formatTable([['DATASET', 'LAYOUT', 'TOKENS', 'BATCH', 'SAMPLES', 'STEPS'], ...rows]));
}

function add(name: string, { data, layout, seqLength, batchSize, trainSteps, seed, json }: AddOptions): void {
  const dataset = registerDataset(homeFolder(), name, {
    ...{ prefix: data, layout, seqLength, batchSize },
    ...(trainSteps !== undefined && { trainSteps }),
    ...(seed !== undefined && { seed }),
  });
  const steps = Math.floor(dataset.numSamples / batchSize);
  process.stdout.write(json ? `${JSON.stringify(dataset)}\n` : `${name}\n`);
  process.stderr.write(`${dataset.numSamples} samples of ${seqLength} + 1 tokens: ${steps} steps of ${batchSize}\n`);
}
