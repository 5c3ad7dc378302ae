// The suite's definition and first weights: counts, spreads and the generator's own quality.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../../../src/package-root.ts';
import { checkpointSteps, nanoConfig, nanoSizes } from '../../../src/suite/nano/definition.ts';
import { initialiseWeights } from '../../../src/suite/nano/initialise.ts';
import { seededRandom } from '../../../src/suite/nano/random.ts';

describe('the suite', () => {
  it('has 154 checkpoint steps where a hundredth of Pythia has them', () => {
    const steps = checkpointSteps();
    expect(steps).toHaveLength(154);
    expect(steps.slice(0, 16)).toEqual([0, 1, 2, 4, 8, 10, 16, 20, 30, 32, 40, 50, 60, 64, 70, 80]);
    expect(steps.slice(-3)).toEqual([1410, 1420, 1430]);
    expect(new Set(steps).size).toBe(154);
    for (const step of [1130, 1330]) expect(steps).toContain(step);
  });

  it('carries the config.json that its definition makes', () => {
    const committed: unknown = JSON.parse(readFileSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'config.json'), 'utf8'));
    expect(committed).toEqual(nanoConfig(nanoSizes[0]!));
  });
});

describe('the first weights', () => {
  const shape = nanoSizes[0]!;
  const weights = initialiseWeights(shape, 1);

  it('have the names and number of Hugging Face, 2·V·C + L·(12C² + 13C) + 2C', () => {
    const { numLayers: L, hiddenSize: C, vocabSize: V } = shape;
    const count = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(count).toBe(2 * V * C + L * (12 * C * C + 13 * C) + 2 * C);
    expect(weights.size).toBe(4 + 12 * L);
    expect(weights.get('gpt_neox.layers.3.mlp.dense_4h_to_h.weight')!.shape).toEqual([C, 4 * C]);
    for (const { shape: sizes, data } of weights.values()) expect(data).toHaveLength(sizes.reduce((a, b) => a * b));
  });

  it('spread as small_init and wang_init say, biases 0, layer norms 1', () => {
    const spread = (name: string): number => {
      const { data } = weights.get(`${name}.weight`)!;
      return Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length);
    };
    // Of at least 16,384 numbers: a standard error below 0.6 %.
    const small = Math.sqrt(2 / (5 * 128));
    const wang = 2 / (4 * Math.sqrt(128));
    for (const name of ['gpt_neox.embed_in', 'embed_out', 'gpt_neox.layers.0.attention.query_key_value']) {
      expect(spread(name) / small).toBeCloseTo(1, 1.5);
    }
    for (const name of ['gpt_neox.layers.0.attention.dense', 'gpt_neox.layers.2.mlp.dense_4h_to_h']) {
      expect(spread(name) / wang).toBeCloseTo(1, 1.5);
    }
    expect(new Set(weights.get('gpt_neox.layers.1.attention.dense.bias')!.data)).toEqual(new Set([0]));
    expect(new Set(weights.get('gpt_neox.final_layer_norm.weight')!.data)).toEqual(new Set([1]));
  });

  it('are the same for the same seed and others for another', () => {
    const tiny = { numLayers: 1, hiddenSize: 4, vocabSize: 8 };
    expect(initialiseWeights(tiny, 1)).toEqual(initialiseWeights(tiny, 1));
    expect(initialiseWeights(tiny, 2)).not.toEqual(initialiseWeights(tiny, 1));
    const { data } = initialiseWeights(tiny, 1).get('gpt_neox.embed_in.weight')!;
    expect(data).not.toEqual(initialiseWeights(tiny, 1).get('embed_out.weight')!.data);
  });
});

describe('the generator', () => {
  it('draws every number below a bound about equally often', () => {
    const random = seededRandom(3, 1);
    const counts = new Array<number>(40).fill(0);
    for (let i = 0; i < 200_000; i++) counts[random.below(40)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 5000) ** 2 / 5000, 0);
    expect(chiSquare).toBeLessThan(80); // 39 degrees of freedom: p < 0.0002 beyond
    expect(random.below(1)).toBe(0);
  });

  it('differs from stream to stream', () => {
    const first = Array.from({ length: 4 }, (_, stream) => seededRandom(1, stream).nextUint32());
    expect(new Set(first).size).toBe(4);
  });
});
