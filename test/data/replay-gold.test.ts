// Replay against batches and index arrays that GPT-NeoX v1.0's own code made (outside test data).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
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
