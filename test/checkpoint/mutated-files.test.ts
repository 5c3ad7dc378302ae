// Two hundred damaged files of each form, through the entry points that read them: each is refused with a DataError that names the file and the byte, or is
// shown to hold the same values. Safetensors have no checksum, so there a changed number is a changed number; nothing else may differ.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import { inspectWeights } from '../../src/checkpoint/inspect.ts';
import { writeTorch } from '../../src/checkpoint/torch-writer.ts';
import { openWeights, readWeights } from '../../src/checkpoint/weights.ts';
import { DataError, messageOf } from '../../src/errors.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { packagePath } from '../../src/package-root.ts';
import { mutate } from './mutations.ts';

const NUM_MUTATIONS = 200;
/** A refusal of a few kilobytes takes about a millisecond; this tells an endless loop from a busy machine. */
const MOST_MS = 5000;
const engine = packagePath('test', 'fixtures', 'engine');
const config = readModelConfig(join(engine, 'config.json'));

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'mutated-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A refusal: names the file, and the byte unless it is about a tensor that the whole file lacks, has too many or in another shape. */
function expectRefusal(error: unknown, file: string, what: string): void {
  expect(error, `${what}: ${messageOf(error)}`).toBeInstanceOf(DataError);
  expect(messageOf(error), what).toContain(file);
  expect(messageOf(error), what).toMatch(/byte \d+|tensor .* (is missing|has shape|has no place)/);
}

/** Counts, and takes no longer than it may. */
async function outcomes(seeds: number, attempt: (seed: number) => Promise<'refused' | 'same'>) {
  const counts = { refused: 0, same: 0 };
  for (let seed = 0; seed < seeds; seed++) {
    const startedMs = performance.now();
    counts[await attempt(seed)] += 1;
    expect(performance.now() - startedMs, `mutation ${seed}`).toBeLessThan(MOST_MS);
  }
  return counts;
}

describe('damaged weights', () => {
  it('in pytorch_model.bin are refused, or the same', async () => {
    const folder = mkdtempSync(join(root, 'torch-'));
    const file = join(folder, 'pytorch_model.bin');
    const { tensors, close } = openWeights(engine);
    writeTorch(file, new Map([...tensors].map(([name, tensor]) => [name, { dtype: 'F16', tensor }] as const)));
    close();
    const bytes = readFileSync(file);
    const { sha256 } = await inspectWeights(folder, config);
    const counts = await outcomes(NUM_MUTATIONS, async (seed) => {
      const { damaged, what } = mutate(bytes, seed, 3000);
      writeFileSync(file, damaged);
      try {
        expect((await inspectWeights(folder, config)).sha256, what).toBe(sha256);
        readWeights(folder);
        return 'same';
      } catch (error) {
        expectRefusal(error, file, what);
        return 'refused';
      }
    });
    expect(counts.refused).toBeGreaterThan(NUM_MUTATIONS / 2);
  });

  it('in model.safetensors are refused, or differ in the numbers that were changed', async () => {
    const folder = mkdtempSync(join(root, 'safetensors-'));
    const file = join(folder, 'model.safetensors');
    const bytes = readFileSync(join(engine, 'model.safetensors'));
    const dataStart = 8 + Number(bytes.readBigUInt64LE());
    const { sha256 } = await inspectWeights(engine, config);
    const counts = await outcomes(NUM_MUTATIONS, async (seed) => {
      const { damaged, what } = mutate(bytes, 1000 + seed, dataStart);
      writeFileSync(file, damaged);
      try {
        const found = await inspectWeights(folder, config);
        readWeights(folder);
        if (damaged.length === bytes.length && !damaged.subarray(dataStart).equals(bytes.subarray(dataStart))) {
          // Numbers were changed: with the old ones back in their places, all is as it was.
          writeFileSync(file, Buffer.concat([damaged.subarray(0, dataStart), bytes.subarray(dataStart)]));
          expect((await inspectWeights(folder, config)).sha256, what).toBe(sha256);
        } else expect(found.sha256, what).toBe(sha256);
        return 'same';
      } catch (error) {
        expectRefusal(error, file, what);
        return 'refused';
      }
    });
    expect(counts.refused).toBeGreaterThan(NUM_MUTATIONS / 2);
  });
});

describe('damaged files of a GPT-NeoX checkpoint', () => {
  const from = packagePath('test', 'fixtures', 'checkpoint', 'zero-2x3');
  const configPath = packagePath('test', 'fixtures', 'checkpoint', 'config.json');

  it.each(['with shards', 'without shards'])('%s are refused, or give the same checkpoint', async (which) => {
    const copy = mkdtempSync(join(root, 'neox-'));
    const isWanted = (path: string): boolean => which === 'with shards' || !path.includes('zero_pp_rank');
    cpSync(from, copy, { recursive: true, filter: isWanted });
    const read = (to: string): string => {
      importCheckpoint(copy, to, { configPath });
      return readdirSync(to)
        .map((name) => readFileSync(join(to, name)).toString('base64'))
        .join();
    };
    const step = join(copy, 'global_step1200');
    const names = readdirSync(step).sort();
    const expected = read(join(root, `expected-${which.length}`));
    mkdirSync(join(root, `to-${which.length}`));
    const counts = await outcomes(NUM_MUTATIONS, (seed) => {
      const file = join(step, names[seed % names.length]!);
      const bytes = readFileSync(file);
      const { damaged, what } = mutate(bytes, 2000 + seed, 2000);
      writeFileSync(file, damaged);
      const to = join(root, `to-${which.length}`, String(seed));
      try {
        expect(read(to), `${file}: ${what}`).toBe(expected);
        return Promise.resolve('same');
      } catch (error) {
        expectRefusal(error, file, what);
        return Promise.resolve('refused');
      } finally {
        writeFileSync(file, bytes);
        rmSync(to, { recursive: true, force: true });
      }
    });
    expect(counts.refused).toBeGreaterThan(NUM_MUTATIONS / 3);
    expect(readdirSync(join(root, `to-${which.length}`))).toEqual([]);
  });
});
