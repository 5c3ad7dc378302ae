// `tiresias datasets`: the token files that a job can name, and registering one's own.
import { Option, type Command } from 'commander';
import { openCatalog } from '../catalog.ts';
import { LAYOUTS, type DatasetDescription, type Layout } from '../data/replay.ts';
import { verifyDataset } from '../data/verify.ts';
import { homeFolder, hubAccess } from '../settings.ts';
import { datasetCacheFolder, describeDataset, listDatasets } from '../suite/datasets.ts';
import { dataHeaders } from '../suite/hub/remote-data.ts';
import { wholeNumber } from './options.ts';
import { startProgress, type Progress } from './progress.ts';
import { formatTable } from './table.ts';

interface VerifyOptions {
  readonly all?: true;
  readonly vocabSize?: number;
  readonly json?: true;
}

interface AddOptions {
  readonly data: string;
  readonly shards?: number;
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
    .requiredOption('--data <prefix>', 'path, http(s) URL or hf:// address of the .bin and .idx without their endings')
    .option(
      '--shards <n>',
      'for a URL in shards: the number at the end of their names, 20 for -of-00020.bin',
      wholeNumber(1),
    )
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
      '\nThe files are not copied: leave them where they are. Of a URL only what steps need is fetched, and kept in the home folder.\n\nExample:' +
        '\n  $ tiresias datasets add pile-deduped --data ./document --layout preshuffled --seq-length 2048 --batch-size 1024' +
        '\n  $ tiresias datasets add pile-deduped --data hf://datasets/EleutherAI/pile-deduped-pythia-preshuffled/document --shards 20 \\' +
        '\n      --layout preshuffled --seq-length 2048 --batch-size 1024',
    )
    .action(add);
  datasets
    .command('verify')
    .description('check the complete index, that all shards are there, and token ids')
    .argument('<name>', 'a registered dataset')
    .option('--all', 'read every sample (default: 1,024 from the first to the last)')
    .option('--vocab-size <n>', 'token ids must lie below (50277 for the Pythia tokenizer)', wholeNumber(1))
    .option('--json', 'print one object')
    .addHelpText('after', '\nExample:\n  $ tiresias datasets verify pile-deduped --vocab-size 50277')
    .action(verify);
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

async function add(name: string, { data, json, ...description }: AddOptions): Promise<void> {
  const { seqLength, batchSize } = description;
  const dataset = await openCatalog(homeFolder(), hubAccess()).addDataset({ name, prefix: data, ...description }, say);
  const steps = Math.floor(dataset.numSamples / batchSize);
  process.stdout.write(json ? `${JSON.stringify(dataset)}\n` : `${name}\n`);
  process.stderr.write(`${dataset.numSamples} samples of ${seqLength} + 1 tokens: ${steps} steps of ${batchSize}\n`);
}

async function verify(name: string, { all, vocabSize, json }: VerifyOptions): Promise<void> {
  const home = homeFolder();
  const description = await describeDataset(home, name);
  let progress: Progress | undefined;
  let shown = '';
  const onProgress = (done: number, total: number, words: string) => {
    // The index first, then the samples: each has its own length.
    const what = words.split(',', 1)[0]!; // split gives at least one
    if (what !== shown) {
      progress?.stop();
      progress = startProgress(total);
      shown = what;
    }
    progress?.update(done, words);
  };
  try {
    const options = { isWhole: all === true, onProgress, ...(vocabSize !== undefined && { vocabSize }) };
    const found = await verifyDataset(description, accessOf(home, name, description), options);
    progress?.stop();
    if (json) {
      process.stdout.write(`${JSON.stringify({ name, ...found })}\n`);
      return;
    }
    const words = `${found.numDocuments} documents, ${found.numTokens} tokens of ${found.type}, highest of those read ${found.highestToken}`;
    process.stdout.write(`${name}: ${words}; ${found.numSamplesRead} of ${found.numSamples} samples read\n`);
  } finally {
    progress?.stop();
  }
}

function accessOf(home: string, name: string, { prefix }: DatasetDescription) {
  return {
    ...dataHeaders(prefix, hubAccess()),
    cacheFolder: datasetCacheFolder(home, name),
    report: say,
  };
}

function say(words: string): void {
  process.stderr.write(`${words}\n`);
}
