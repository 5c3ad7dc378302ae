// `tiresias replay`: the batch that a step of the original training read, as its SHA-256 or as token ids.
import type { Command } from 'commander';
import {
  batchSha256,
  openDataset,
  placeOfStep,
  prepareDataset,
  replayBatch,
  type Batch,
  type Layout,
} from '../data/replay.ts';
import { InputError } from '../errors.ts';
import { wholeNumber } from './options.ts';

interface ReplayOptions {
  readonly data: string;
  readonly shards?: number;
  readonly layout: Layout; // checked by openDataset
  readonly seqLength: number;
  readonly batchSize: number;
  readonly trainSteps?: number;
  readonly seed?: number;
  readonly step: number;
  readonly cache?: string;
  readonly format: string;
}

const EXAMPLES = `
Examples:
  $ tiresias replay --data pile/document --layout preshuffled --seq-length 2048 --batch-size 1024 --step 133000 --format sha256
  $ tiresias replay --data corpus --layout documents --seq-length 64 --batch-size 8 --train-steps 60 --seed 1234 --step 0 --format json

sha256: 64 hex digits (ids as little-endian int32, row-major). json: a list of rows, each of sequence length + 1 ids.
`;

/** Registers the command. */
export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description('show the batch that a step of the original training read')
    .requiredOption(
      '--data <prefix>',
      'path or http(s) URL of the .bin (or its shards) and .idx, without their endings',
    )
    .option(
      '--shards <n>',
      'for a URL in shards: the number at the end of their names, 20 for -of-00020.bin',
      wholeNumber(1),
    )
    .requiredOption(
      '--layout <layout>',
      'preshuffled (a row is a sample) or documents (packed and shuffled as GPT-NeoX does)',
    )
    .requiredOption('--seq-length <n>', 'tokens of a model input; a row has one more', wholeNumber(1))
    .requiredOption('--batch-size <n>', 'rows of a step', wholeNumber(1))
    .option('--train-steps <n>', 'steps of the whole original training (documents)', wholeNumber(1))
    .option('--seed <n>', "seed of the original training's data order (documents)", wholeNumber(0))
    .requiredOption('--step <k>', 'step whose batch is shown, from 0', wholeNumber(0))
    .option(
      '--cache <folder>',
      "where index arrays of documents, under GPT-NeoX's names, and what is fetched of a URL are kept",
    )
    .option('--format <format>', 'sha256 or json', 'sha256')
    .addHelpText('after', EXAMPLES)
    .action(showBatch);
}

async function showBatch({ data, step, format, cache, ...rest }: ReplayOptions): Promise<void> {
  if (format !== 'sha256' && format !== 'json')
    throw new InputError(`--format: expected sha256 or json, found ${format}`);
  const description = { prefix: data, ...rest };
  const report = (words: string) => void process.stderr.write(`${words}\n`);
  const access = { report, ...(cache !== undefined && { cacheFolder: cache }) };
  await prepareDataset(description, access);
  const dataset = openDataset(description, access);
  try {
    const { firstSample, numRows } = placeOfStep(dataset, step);
    await dataset.fetchSamples(firstSample, numRows);
    const batch = replayBatch(dataset, step);
    process.stdout.write(`${format === 'sha256' ? batchSha256(batch) : rowsAsJson(batch)}\n`);
  } finally {
    dataset.close();
  }
}

function rowsAsJson({ tokens, numRows, rowLength }: Batch): string {
  const rows = Array.from({ length: numRows }, (_, row) =>
    tokens.subarray(row * rowLength, (row + 1) * rowLength).join(),
  );
  return `[${rows.map((row) => `[${row}]`).join()}]`;
}
