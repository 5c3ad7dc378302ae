// The golden files of test/fixtures/engine: a tiny model, what a float64 program computes with it, and how to compare.
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { readSafetensors } from '../../src/checkpoint/safetensors.ts';
import { headSize, readModelConfig, type ModelConfig } from '../../src/model/config.ts';
import type { ForwardSwitches } from '../../src/model/gpt-neox.ts';
import { rotaryDimensions } from '../../src/model/rotary.ts';
import { packagePath } from '../../src/package-root.ts';
import type { TrainingRows } from '../../src/train/rows.ts';

interface GoldenFile {
  readonly batches: number[][][];
  readonly forward: readonly (ForwardSwitches & { lossNats: number; logProbs: number[][] })[];
  readonly train: readonly { step: number; learningRate: number; lossNats: number; gradientNorm: number }[];
}

export type Arrays = ReadonlyMap<string, Float32Array>;

/** The path of one of the golden files. */
export function goldenPath(name: string): string {
  return packagePath('test', 'fixtures', 'engine', name);
}

export const goldenConfig = readModelConfig(goldenPath('config.json'));
export const golden = JSON.parse(readFileSync(goldenPath('golden.json'), 'utf8')) as GoldenFile;

/** The tensors of a golden file by name. */
export function goldenArrays(name: string, prefix = ''): Arrays {
  return arraysOf(goldenPath(name), prefix);
}

/** The tensors of any file whose names begin with a prefix, which is taken off. */
export function arraysOf(path: string, prefix = ''): Arrays {
  const tensors = [...readSafetensors(path)].filter(([name]) => name.startsWith(prefix));
  return new Map(tensors.map(([name, { data }]) => [name.slice(prefix.length), data]));
}

/** Rows of T + 1 ids as a training batch. */
export function rowsOf(rows: readonly (readonly number[])[]): TrainingRows {
  const rowLength = rows[0]!.length;
  return { tokens: Int32Array.from(rows.flat()), numRows: rows.length, rowLength };
}

/** Inputs and labels of a batch, as the forward pass takes them. */
export function gridOf(rows: readonly (readonly number[])[]) {
  const length = rows[0]!.length - 1;
  const ids = Int32Array.from(rows.flatMap((row) => row.slice(0, -1)));
  const labels = Int32Array.from(rows.flatMap((row) => row.slice(1)));
  return { grid: { ids, batch: rows.length, length }, labels };
}

/** ‖actual − expected‖ / ‖expected‖ over the tensors of `expected` that pass `which`, all together. */
export function relativeError(
  actual: Arrays,
  expected: Arrays,
  which: (name: string, place: number) => boolean = () => true,
): number {
  let difference = 0;
  let size = 0;
  for (const [name, values] of expected) {
    const other = actual.get(name)!;
    expect(other.length, name).toBe(values.length);
    values.forEach((value, i) => {
      if (!which(name, i)) return;
      difference += (other[i]! - value) ** 2;
      size += value ** 2;
    });
  }
  return Math.sqrt(difference / size);
}

/** Fails when a single tensor is off by more than the tolerance, in relative L2 norm; names the worst. */
export function expectEachClose(actual: Arrays, expected: Arrays, tolerance: number, which?: EachValue): void {
  expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
  const errors = [...expected.keys()].map(
    (name) => [relativeError(actual, new Map([[name, expected.get(name)!]]), which), name] as const,
  );
  const [worst, name] = errors.reduce((a, b) => (b[0] > a[0] ? b : a));
  expect(worst, `relative error of ${name}`).toBeLessThan(tolerance);
}

/**
 * False for the key biases of the dimensions that are not rotated. They add the same to all logits of a softmax, so their true
 * gradient is zero: what fp32 gives is rounding noise (1e-9), and Adam, which divides a gradient by its own size, makes it into
 * steps of the full learning rate in directions of chance. No two implementations agree on these values after a step.
 */
export function hasTrueGradient(config: ModelConfig): EachValue {
  const D = headSize(config);
  const R = rotaryDimensions(config);
  return (name, place) => {
    const column = place % (3 * D); // inside a head: q, k, v
    return !name.endsWith('query_key_value.bias') || column < D + R || column >= 2 * D;
  };
}

type EachValue = (name: string, place: number) => boolean;
