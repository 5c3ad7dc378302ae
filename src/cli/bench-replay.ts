// `tiresias bench replay` and `bench index`: how fast batches leave a warm file on one core, beside the machine's own copying rate, and what
// opening a corpus of any size costs, on an index made up for it.
import type { Command } from 'commander';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeIndexedDataset } from '../data/indexed-dataset.ts';
import { openDataset, replayBatch, type DatasetDescription } from '../data/replay.ts';
import { INDEX_HEADER_BYTES, tokenIndexHeader } from '../data/token-index.ts';
import { wholeNumber } from './options.ts';
import { formatFigures } from './table.ts';

interface ReplayOptions {
  readonly batches: number;
  readonly batchSize: number;
  readonly seqLength: number;
  readonly repeats: number;
  readonly json?: true;
}

interface IndexOptions {
  readonly documents: number;
  readonly meanLength: number;
  readonly trainSteps: number;
  readonly batchSize: number;
  readonly seqLength: number;
  readonly folder?: string;
  readonly json?: true;
}

/** Lengths of documents take turns around their mean: short, long, empty now and then. */
const LENGTH_FACTORS = [0.1, 0.4, 2.6, 0.9, 0, 1.2, 1.8, 1];

export function addDataBenches(bench: Command): void {
  bench
    .command('replay')
    .description(
      'tokens a second out of a warm uint16 file, both layouts, beside the rate at which this machine copies memory',
    )
    .option('--batches <n>', 'batches of the file', wholeNumber(1), 24)
    .option('--batch-size <b>', 'samples of a batch', wholeNumber(1), 1024)
    .option('--seq-length <n>', 'tokens of a model input', wholeNumber(1), 2048)
    .option('--repeats <n>', 'passes over the file; the best counts', wholeNumber(1), 5)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ tiresias bench replay --json')
    .action(benchReplay);
  bench
    .command('index')
    .description(
      'time and memory of opening a documents corpus: its index arrays built, opened again, checked whole; no tokens are written',
    )
    .option('--documents <n>', 'documents', wholeNumber(1), 211_000_000)
    .option('--mean-length <n>', 'tokens of a document, on average', wholeNumber(1), 1574)
    .option('--train-steps <i>', 'steps of the whole training', wholeNumber(1), 143_000)
    .option('--batch-size <b>', 'samples of one step', wholeNumber(1), 1024)
    .option('--seq-length <n>', 'tokens of a model input', wholeNumber(1), 2048)
    .option('--folder <folder>', 'where some gigabytes may lie for a while (default: the temporary folder)')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ tiresias bench index --documents 1000000 --train-steps 600 --json')
    .action(benchIndex);
}

function benchReplay({ batches, batchSize, seqLength, repeats, json }: ReplayOptions): void {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-bench-'));
  try {
    const common = { seqLength, batchSize, trainSteps: batches, seed: 1234 };
    const rows = { ...common, prefix: join(folder, 'rows'), layout: 'preshuffled' } as const;
    const texts = { ...common, prefix: join(folder, 'texts'), layout: 'documents' } as const;
    const numRows = batches * batchSize;
    writeIndexedDataset(rows.prefix, makeDocuments(numRows, [seqLength + 1]), 'uint16');
    const lengths = LENGTH_FACTORS.map((factor) => Math.round(factor * 1574)); // the Pile's mean
    writeIndexedDataset(
      texts.prefix,
      makeDocuments(Math.ceil((numRows * seqLength * 1.01) / 1574) + 8, lengths),
      'uint16',
    );
    const result = {
      ...{ batches, batchSize, seqLength, repeats },
      preshuffledTokensPerSecond: best(repeats, () => replayAll(rows, batches)),
      documentsTokensPerSecond: best(repeats, () => replayAll(texts, batches)),
      // A batch's own bytes copied from one buffer to another: 4 a token.
      memcpyTokensPerSecond: best(repeats, () => copyBatches(batchSize * (seqLength + 1), batches)),
      peakRssBytes: peakRss(),
    };
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : formatFigures(result));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Tokens a second of one pass; the file is in the system's cache after the first. */
function replayAll(description: DatasetDescription, batches: number): number {
  const dataset = openDataset(description);
  try {
    let numTokens = 0;
    const startedMs = performance.now();
    for (let step = 0; step < batches; step++) numTokens += replayBatch(dataset, step).tokens.length;
    return (1000 * numTokens) / (performance.now() - startedMs);
  } finally {
    dataset.close();
  }
}

function copyBatches(numTokens: number, batches: number): number {
  const from = new Int32Array(numTokens).fill(7);
  const to = new Int32Array(numTokens);
  const startedMs = performance.now();
  for (let i = 0; i < batches; i++) to.set(from);
  return (1000 * numTokens * batches) / (performance.now() - startedMs);
}

function* makeDocuments(count: number, lengths: readonly number[]): Generator<Uint16Array> {
  const tokens = new Uint16Array(Math.max(...lengths)).map((_, i) => (i * 7919) % 50_000);
  for (let document = 0; document < count; document++) yield tokens.subarray(0, lengths[document % lengths.length]);
}

function benchIndex({ documents, meanLength, folder, json, ...training }: IndexOptions): void {
  const place = mkdtempSync(join(folder ?? tmpdir(), 'tiresias-bench-'));
  try {
    const prefix = join(place, 'texts');
    const writing = timed(() => writeEmptyCorpus(prefix, documents, meanLength));
    const access = { cacheFolder: join(place, 'cache') };
    const description = { prefix, layout: 'documents', seed: 1234, ...training } as const;
    const building = timed(() => openDataset(description, access).close());
    const peakRssBuildingBytes = peakRss();
    const reopen = () => {
      const dataset = openDataset(description, access);
      replayBatch(dataset, 0, Math.min(16, training.batchSize));
      dataset.close();
    };
    const reopening = timed(reopen);
    for (const name of readdirSync(access.cacheFolder).filter((file) => file.endsWith('_checked.json'))) {
      rmSync(join(access.cacheFolder, name)); // the seal: without it all is checked again
    }
    const checking = timed(reopen);
    const result = {
      ...{ documents, numTokens: writing.value, ...training },
      ...{ buildSeconds: building.seconds, peakRssBuildingBytes },
      ...{ reopenSeconds: reopening.seconds, checkSeconds: checking.seconds, peakRssBytes: peakRss() },
    };
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : formatFigures(result));
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** The .idx of so many documents, and a .bin of their size that is one hole. Returns the tokens. */
function writeEmptyCorpus(prefix: string, documents: number, meanLength: number): number {
  const lengths = LENGTH_FACTORS.map((factor) => Math.round(factor * meanLength));
  const lengthOf = (document: number): number => lengths[document % lengths.length]!; // an index below the length
  const idx = openSync(`${prefix}.idx`, 'w');
  let pointer = 0;
  try {
    writeSync(idx, tokenIndexHeader(documents, 'uint16'));
    let at = INDEX_HEADER_BYTES;
    at = writeEntries(idx, at, documents, 4, (bytes, offset, document) =>
      bytes.writeInt32LE(lengthOf(document), offset),
    );
    at = writeEntries(idx, at, documents, 8, (bytes, offset, document) => {
      writeNumber(bytes, offset, pointer);
      pointer += 2 * lengthOf(document);
    });
    writeEntries(idx, at, documents + 1, 8, writeNumber);
  } finally {
    closeSync(idx);
  }
  const bin = openSync(`${prefix}.bin`, 'w');
  try {
    ftruncateSync(bin, pointer);
  } finally {
    closeSync(bin);
  }
  return pointer / 2;
}

function writeNumber(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32LE(value % 2 ** 32, offset);
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}

function writeEntries(
  descriptor: number,
  start: number,
  count: number,
  width: number,
  write: (bytes: Buffer, offset: number, entry: number) => void,
): number {
  const perChunk = 2 ** 17;
  const chunk = Buffer.alloc(perChunk * width);
  for (let first = 0; first < count; first += perChunk) {
    const number = Math.min(perChunk, count - first);
    for (let i = 0; i < number; i++) write(chunk, i * width, first + i);
    writeSync(descriptor, chunk, 0, number * width, start + first * width);
  }
  return start + count * width;
}

function timed<T>(work: () => T): { value: T; seconds: number } {
  const startedMs = performance.now();
  const value = work();
  return { value, seconds: (performance.now() - startedMs) / 1000 };
}

function best(repeats: number, measure: () => number): number {
  return Math.max(...Array.from({ length: repeats }, measure));
}

function peakRss(): number {
  return process.resourceUsage().maxRSS * 1024;
}
