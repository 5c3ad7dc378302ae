// A whole check finds what opening does not look at: entries in the middle of an index, shards that are missing, ids beyond a vocabulary.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { openDataset, type DatasetDescription } from '../../src/data/replay.ts';
import { verifyDataset } from '../../src/data/verify.ts';
import { DataError } from '../../src/errors.ts';
import { startRangeServer } from './range-server.ts';

const NUM_ROWS = 3000;
const rows = Array.from({ length: NUM_ROWS }, (_, row) => Array.from({ length: 9 }, (_, i) => (row + i) % 1000));

let folder: string;
let description: DatasetDescription;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'verify-'));
  description = { prefix: join(folder, 'rows'), layout: 'preshuffled', seqLength: 8, batchSize: 4 };
  writeIndexedDataset(description.prefix, rows, 'uint16');
});
afterEach(() => rmSync(folder, { recursive: true }));

function patch(path: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
}

function splitIntoShards(shardBytes: number): string[] {
  const bytes = readFileSync(`${description.prefix}.bin`);
  const count = Math.ceil(bytes.length / shardBytes);
  rmSync(`${description.prefix}.bin`);
  return Array.from({ length: count }, (_, i) => {
    const path = `${description.prefix}-0000${i}-of-0000${count - 1}.bin`;
    writeFileSync(path, bytes.subarray(i * shardBytes, (i + 1) * shardBytes));
    return path;
  });
}

describe('verifyDataset', () => {
  it('tells what it found, of samples or of all', async () => {
    const facts = {
      type: 'uint16',
      numDocuments: NUM_ROWS,
      numTokens: 27_000,
      sizeBytes: 54_000,
      numSamples: NUM_ROWS,
    };
    expect(await verifyDataset(description)).toMatchObject({ ...facts, numSamplesRead: 1024 });
    const progress: [number, number, string][] = [];
    const options = {
      isWhole: true,
      vocabSize: 1000,
      onProgress: (...seen: [number, number, string]) => progress.push(seen),
    };
    expect(await verifyDataset(description, {}, options)).toEqual({
      ...facts,
      numSamplesRead: NUM_ROWS,
      highestToken: 999,
    });
    expect(progress.at(0)).toEqual([NUM_ROWS, 2 * NUM_ROWS + 1, 'entries of the index']);
    expect(progress.at(-1)).toEqual([NUM_ROWS, NUM_ROWS, 'samples, highest token 999']);
    const documents = { ...description, layout: 'documents', trainSteps: 20, seed: 1 } as const;
    expect(await verifyDataset(documents)).toMatchObject({ numSamples: 80, numSamplesRead: 80 });
  });

  it('finds an entry in the middle of the index that opening passes over', async () => {
    patch(`${description.prefix}.idx`, (bytes) => bytes.writeInt32LE(8, 34 + 4 * 1500));
    openDataset(description).close();
    await expect(verifyDataset(description)).rejects.toThrow(
      /rows\.idx, byte 24042: expected document 1501 to start at byte 27016/,
    );
  });

  it('names shards that are missing', async () => {
    const paths = splitIntoShards(10_000);
    expect(await verifyDataset(description)).toMatchObject({ numSamplesRead: 1024 });
    rmSync(paths[2]!);
    openDataset(description).close();
    await expect(verifyDataset(description)).rejects.toThrow(DataError);
    await expect(verifyDataset(description)).rejects.toThrow(
      /expected all shards of 54000 bytes, found 1 missing .*rows-00002-of-00005\.bin/,
    );
  });

  it('finds ids beyond the vocabulary, everywhere when it reads all', async () => {
    patch(`${description.prefix}.bin`, (bytes) => bytes.writeUInt16LE(1000, 18 * 1234 + 2 * 5));
    await expect(verifyDataset(description, {}, { vocabSize: 1000, isWhole: true })).rejects.toThrow(
      /rows\.bin, byte 22222 of the whole, sample 1234, token 5: expected a token id below 1000, found 1000/,
    );
    expect(await verifyDataset(description, {}, { vocabSize: 1001, isWhole: true })).toMatchObject({
      highestToken: 1000,
    });
  });

  it('asks a server for the size of every shard', async () => {
    const paths = splitIntoShards(10_000);
    const server = await startRangeServer();
    try {
      for (const path of [...paths, `${description.prefix}.idx`])
        server.files.set(path.slice(folder.length), readFileSync(path));
      const remote = { ...description, prefix: `${server.url}/rows`, shards: 5 };
      const access = (name: string) => ({ cacheFolder: join(folder, name) });
      expect(await verifyDataset(remote, access('whole'))).toMatchObject({ numSamplesRead: 1024 });
      server.files.delete('/rows-00003-of-00005.bin');
      server.files.set('/rows-00005-of-00005.bin', Buffer.alloc(3999));
      await expect(verifyDataset(remote, access('part'))).rejects.toThrow(
        /2 missing or of another size: .*rows-00003-of-00005\.bin, .*rows-00005-of-00005\.bin \(expected 4000 bytes, found 3999\)/,
      );
    } finally {
      await server.close();
    }
  });
});
