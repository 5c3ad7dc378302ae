// Replay against batches and index arrays that GPT-NeoX v1.0's own code made (outside test data).
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { batchSha256, openDataset, replayBatch } from '../../src/data/replay.ts';
import { numSamplesRequested } from '../../src/data/sample-index.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { readNpy } from './read-npy.ts';
import { collectSampleIndex } from './sample-index-arrays.ts';

interface DocumentsGolden {
  documents: number;
  tokens_per_epoch: number;
  num_epochs: number;
  num_samples_requested: number;
  train_iters: number;
  global_batch_size: number;
  seq_length: number;
  seed: number;
  dtype: string;
  batches: Record<string, { sha256_int32_le: string; first_row_head: number[]; last_row_tail: number[] }>;
}

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(sharedPath('gold', 'replay', `${name}.golden.json`), 'utf8')) as T;
}

describe.skipIf(!hasShared)('replay of golden files', () => {
  describe.each(['docs_u16', 'docs_i32_epochs'])('%s', (name) => {
    const prefix = sharedPath('gold', 'replay', name);

    it('rebuilds the three index arrays of GPT-NeoX', () => {
      const g = golden<DocumentsGolden>(name);
      const files = openIndexedDataset(prefix);
      try {
        expect(files.type).toBe(g.dtype);
        expect(files.numDocuments).toBe(g.documents);
        expect(files.numTokens).toBe(g.tokens_per_epoch);
        const numSamples = numSamplesRequested(g.train_iters, g.global_batch_size);
        expect(numSamples).toBe(g.num_samples_requested);
        const index = collectSampleIndex(files, { seqLength: g.seq_length, numSamples, seed: g.seed });
        expect(index.numEpochs).toBe(g.num_epochs);
        expect([...index.documents]).toEqual(readNpy(`${prefix}.golden_doc_idx.npy`).data);
        expect([...index.starts]).toEqual(readNpy(`${prefix}.golden_sample_idx.npy`).data);
        expect([...index.order]).toEqual(readNpy(`${prefix}.golden_shuffle_idx.npy`).data);
      } finally {
        files.close();
      }
    });

    it('replays the recorded batches bit for bit', () => {
      const g = golden<DocumentsGolden>(name);
      const dataset = openDataset({
        prefix,
        layout: 'documents',
        seqLength: g.seq_length,
        batchSize: g.global_batch_size,
        trainSteps: g.train_iters,
        seed: g.seed,
      });
      try {
        expect(Object.keys(g.batches).length).toBeGreaterThan(3);
        for (const [step, expected] of Object.entries(g.batches)) {
          const batch = replayBatch(dataset, Number(step));
          expect([...batch.tokens.subarray(0, 8)]).toEqual(expected.first_row_head);
          expect([...batch.tokens.subarray(-8)]).toEqual(expected.last_row_tail);
          expect(batchSha256(batch)).toBe(expected.sha256_int32_le);
        }
      } finally {
        dataset.close();
      }
    });
  });

  describe.each(['docs_u16', 'docs_i32_epochs'])("GPT-NeoX's own index arrays of %s", (name) => {
    const described = () => {
      const g = golden<DocumentsGolden>(name);
      return {
        prefix: join(folder, name),
        layout: 'documents',
        seqLength: g.seq_length,
        batchSize: g.global_batch_size,
        trainSteps: g.train_iters,
        seed: g.seed,
      } as const;
    };
    const fileName = (kind: string) => {
      const g = golden<DocumentsGolden>(name);
      return `${name}_train_0_indexmap_${g.num_samples_requested}ns_${g.seq_length}sl_${g.seed}s_${kind}.npy`;
    };
    const kinds = ['doc_idx', 'sample_idx', 'shuffle_idx'];
    const gold = (kind: string) => sharedPath('gold', 'replay', `${name}.golden_${kind}.npy`);
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'neox-cache-'));
      for (const ending of ['.bin', '.idx'])
        cpSync(sharedPath('gold', 'replay', name + ending), join(folder, name + ending));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    const hashOf = (step: string) => {
      const dataset = openDataset(described());
      try {
        return batchSha256(replayBatch(dataset, Number(step)));
      } finally {
        dataset.close();
      }
    };

    it('are written byte for byte as numpy writes them, under the same names', () => {
      openDataset(described(), { cacheFolder: join(folder, 'cache') }).close();
      expect(readdirSync(join(folder, 'cache')).sort()).toEqual([
        fileName('').replace('_.npy', '_checked.json'),
        ...kinds.map(fileName),
      ]);
      for (const kind of kinds) {
        expect(readFileSync(join(folder, 'cache', fileName(kind))).equals(readFileSync(gold(kind)))).toBe(true);
      }
    });

    it('are read where they lie beside the data, and refused when two samples have changed places', () => {
      const g = golden<DocumentsGolden>(name);
      for (const kind of kinds) cpSync(gold(kind), join(folder, fileName(kind)));
      for (const [step, expected] of Object.entries(g.batches)) expect(hashOf(step)).toBe(expected.sha256_int32_le);
      // Still each sample once, but not in the order of the seed: other batches than the training had.
      const path = join(folder, fileName('shuffle_idx'));
      chmodSync(path, 0o600);
      const bytes = readFileSync(path);
      const [first, last] = [bytes.readUInt32LE(128), bytes.readUInt32LE(bytes.length - 4)];
      bytes.writeUInt32LE(last, 128);
      bytes.writeUInt32LE(first, bytes.length - 4);
      writeFileSync(path, bytes);
      expect(() => hashOf('0')).toThrow(
        `${path}, byte 128: expected sample ${first} to be read as number 0, found ${last}`,
      );
      expect(readdirSync(folder)).toHaveLength(5);
    });
  });

  it('replays the recorded batches of a preshuffled file', () => {
    const g = golden<{
      rows: number;
      seq_length: number;
      global_batch_size: number;
      batches_sha256_int32_le: Record<string, string>;
    }>('preshuffled_u16');
    const dataset = openDataset({
      prefix: sharedPath('gold', 'replay', 'preshuffled_u16'),
      layout: 'preshuffled',
      seqLength: g.seq_length,
      batchSize: g.global_batch_size,
    });
    try {
      expect(dataset.numSamples).toBe(g.rows);
      for (const [step, expected] of Object.entries(g.batches_sha256_int32_le)) {
        expect(batchSha256(replayBatch(dataset, Number(step)))).toBe(expected);
      }
    } finally {
      dataset.close();
    }
  });
});
