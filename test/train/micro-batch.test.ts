// The micro-batch that fits: `auto` is the largest within the room, an oversized wish is refused at its field with one that fits.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.ts';
import { planMemory } from '../../src/train/memory.ts';
import type { MemoryShape } from '../../src/train/memory-shape.ts';
import { adviseLess, resolveMicroBatch, roomOf, type Room } from '../../src/train/micro-batch.ts';

const PYTHIA_70M: MemoryShape = {
  ...{ numLayers: 6, hiddenSize: 512, numHeads: 8, intermediateSize: 2048, vocabSize: 50_304 },
  numParameters: 70_426_624,
};
const PYTHIA_1B: MemoryShape = {
  ...{ numLayers: 16, hiddenSize: 2048, numHeads: 8, intermediateSize: 8192, vocabSize: 50_304 },
  numParameters: 1_011_781_632,
};
const AUTO = { microBatchSize: 'auto', recompute: 'auto' } as const;
const room = (liveBytes: number): Room => ({ owner: 'a back end', liveBytes, residentBytes: Infinity });

function fault(work: () => unknown): InputError {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) return error;
  }
  throw new Error('nothing was refused');
}

describe('resolveMicroBatch', () => {
  it('takes with auto the largest micro-batch that fits, and computes layers again only where not one row fits', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1.9, max: 60, noNaN: true }),
        fc.constantFrom(128, 512, 2048),
        fc.integer({ min: 1, max: 1024 }),
        (gigabytes, seqLength, rowsPerStep) => {
          const rows = { seqLength, rowsPerStep };
          const fits = (microBatchSize: number, recompute: 'none' | 'layers') =>
            planMemory(PYTHIA_70M, { microBatchSize, recompute, ...rows }).peakLiveBytes <= 0.9 * gigabytes * 1e9;
          fc.pre(fits(1, 'layers'));
          const { microBatchSize, recompute } = resolveMicroBatch(AUTO, PYTHIA_70M, rows, room(gigabytes * 1e9));
          expect(fits(microBatchSize, recompute)).toBe(true);
          if (microBatchSize < rowsPerStep) expect(fits(microBatchSize + 1, recompute)).toBe(false);
          expect(recompute).toBe(fits(1, 'none') ? 'none' : 'layers');
        },
      ),
      { seed: 5, numRuns: 200 },
    );
  });

  it('leaves each of the trainers side by side its share of the machine', () => {
    const rows = { seqLength: 512, rowsPerStep: 16 };
    const [alone, three] = [1, 3].map((numAtOnce) =>
      resolveMicroBatch(AUTO, PYTHIA_70M, rows, roomOf('wasm', { memoryBytes: 16e9, numAtOnce })),
    );
    expect(alone!.microBatchSize).toBeGreaterThan(three!.microBatchSize);
  });

  it('gives the native back end four fifths of the machine', () => {
    const room = roomOf('native', { memoryBytes: 10e9, numAtOnce: 1 });
    expect(room).toEqual({ owner: 'the native back end', kernels: 'fused', liveBytes: 8e9, residentBytes: 8e9 });
  });

  it('gives the cuda back end nine tenths of the card, what kernels take beside tensors included', () => {
    const room = roomOf('cuda', { memoryBytes: 64e9, numAtOnce: 1, cardBytes: 10e9 });
    expect(room).toEqual({
      owner: 'the graphics card',
      kernels: 'fused on a card',
      liveBytes: 9e9,
      residentBytes: 9e9,
    });
  });

  it('takes the memory of the card where one computes, and refuses nothing before that is known', () => {
    const rows = { seqLength: 2048, rowsPerStep: 1024 };
    const on = (cardBytes?: number) =>
      resolveMicroBatch(AUTO, PYTHIA_1B, rows, roomOf('tensorflow', { memoryBytes: 64e9, numAtOnce: 1, cardBytes }));
    expect(on(80 * 2 ** 30).microBatchSize).toBeGreaterThan(on(40 * 2 ** 30).microBatchSize);
    expect(fault(() => on()).message).toMatch(/that the graphics card can hold/); // 16 GiB, and 1B's state alone has 12
    for (const backend of ['auto', 'tensorflow'] as const)
      expect(resolveMicroBatch(AUTO, PYTHIA_1B, rows, roomOf(backend)).microBatchSize).toBe(1024);
  });

  it('refuses a wish over the limit at its field, and proposes what fits', () => {
    const wish = { microBatchSize: 64, recompute: 'none' } as const;
    const rows = { seqLength: 512, rowsPerStep: 64 };
    const refused = fault(() => resolveMicroBatch(wish, PYTHIA_70M, rows, roomOf('wasm')));
    expect(refused.pointer).toBe('/training/microBatchSize');
    expect(refused.message).toMatch(
      /^microBatchSize 64 \(64 × 512 tokens\) would need [\d.]+ GB of the 3\.2 GB that the wasm/,
    );
    const proposed = Number(/; microBatchSize (\d+) \(/.exec(refused.message)?.[1]);
    expect(resolveMicroBatch({ ...wish, microBatchSize: proposed }, PYTHIA_70M, rows, roomOf('wasm'))).toEqual({
      microBatchSize: proposed,
      recompute: 'none',
    });
    expect(() =>
      resolveMicroBatch({ ...wish, microBatchSize: proposed + 1 }, PYTHIA_70M, rows, roomOf('wasm')),
    ).toThrow();
  });

  it('refuses at the choice of recomputation where that is what lets the job fit', () => {
    const rows = { seqLength: 2048, rowsPerStep: 1 };
    const tight = room(planMemory(PYTHIA_70M, { ...rows, microBatchSize: 1, recompute: 'layers' }).peakLiveBytes);
    const refused = fault(() => resolveMicroBatch({ ...AUTO, recompute: 'none' }, PYTHIA_70M, rows, tight));
    expect(refused.pointer).toBe('/training/recompute');
    expect(refused.message).toMatch(/; microBatchSize 1 with recompute "layers" \(1 × 2048 tokens\) would need/);
    expect(resolveMicroBatch({ ...AUTO, microBatchSize: 1 }, PYTHIA_70M, rows, tight).recompute).toBe('layers');
  });

  it('refuses a model of which not one row fits', () => {
    const refused = fault(() =>
      resolveMicroBatch(AUTO, PYTHIA_1B, { seqLength: 2048, rowsPerStep: 4 }, roomOf('wasm')),
    );
    expect(refused.pointer).toBe('/model');
    expect(refused.message).toMatch(/even one row with recompute "layers" would need \d\d\.\d GB of the 3\.2 GB/);
  });
});

describe('adviseLess', () => {
  it('names half the rows, or layers computed again, after memory ran out, or says that there is none', () => {
    const rows = { seqLength: 512, rowsPerStep: 4 };
    const advise = (microBatchSize: number, recompute: 'none' | 'layers') =>
      adviseLess({ microBatchSize, recompute }, PYTHIA_70M, rows, roomOf('wasm'));
    expect(advise(4, 'none')).toMatch(/^microBatchSize 2 \(2 × 512 tokens\) would need \d\.\d GB of the 3\.2 GB/);
    expect(advise(1, 'none')).toMatch(/^microBatchSize 1 with recompute "layers"/);
    expect(advise(1, 'layers')).toMatch(/^even one row with recompute "layers"/);
  });
});
