// GPT-NeoX and Hugging Face checkpoints written by PyTorch (outside test data), against the tensors they were made of.
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import { readSafetensors, type Tensor } from '../../src/checkpoint/safetensors.ts';
import { TorchFile } from '../../src/checkpoint/torch-zip.ts';
import { readWeights } from '../../src/checkpoint/weights.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function expectSame(found: Map<string, Tensor>, expected: Map<string, Tensor>): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    expect([name, found.get(name)!.shape]).toEqual([name, shape]);
    expect(Buffer.from(found.get(name)!.data.buffer).equals(Buffer.from(data.buffer))).toBe(true);
  }
}

describe.skipIf(!hasShared)('golden checkpoints', () => {
  const gold = (...parts: string[]): string => sharedPath('gold', 'checkpoint', ...parts);

  it.each([['the folder with "latest"'], ['the folder of the step']])('are imported bit for bit from %s', (which) => {
    const to = join(folder, which.replaceAll(/\W/g, ''));
    const from = which.includes('latest') ? gold() : gold('global_step133000');
    const imported = importCheckpoint(from, to, { configPath: gold('hf', 'config.json') });
    const { state } = imported;
    // The layer files beside the shards are the masters rounded to half precision by PyTorch, every value of them.
    expect(imported).toMatchObject({ weights: 'fp32 masters', comparison: { numDifferent: 0, numCompared: 165_632 } });
    expect(readdirSync(to).sort()).toEqual(['config.json', 'model.safetensors', 'optimizer.safetensors', 'state.json']);
    expectSame(readSafetensors(join(to, 'model.safetensors')), readSafetensors(gold('golden_master.safetensors')));
    expectSame(readSafetensors(join(to, 'optimizer.safetensors')), readSafetensors(gold('golden_adam.safetensors')));
    const golden = JSON.parse(readFileSync(gold('golden.json'), 'utf8')) as Record<string, number>;
    expect(state).toEqual({
      step: golden['step'],
      lrCount: golden['lr_num_iters'],
      lossScale: golden['loss_scale'],
      skippedSteps: golden['skipped_steps'],
    });
    expect(JSON.parse(readFileSync(join(to, 'state.json'), 'utf8'))).toEqual(state);
  });

  it('are imported from their layer files when the shards were not fetched: as pytorch_model.bin, which was made of them', () => {
    const from = join(folder, 'layers-only');
    cpSync(gold('global_step133000'), from, { recursive: true, filter: (path) => !path.includes('zero_pp_rank') });
    const imported = importCheckpoint(from, join(folder, 'of-layers'), { configPath: gold('hf', 'config.json') });
    expect(imported).toMatchObject({ weights: 'layer files', hasOptimizer: false });
    expect(imported.state).toEqual({ step: 133_000, lrCount: 132_998, skippedSteps: 2 });
    expect(readdirSync(join(folder, 'of-layers')).sort()).toEqual(['config.json', 'model.safetensors', 'state.json']);
    const found = readSafetensors(join(folder, 'of-layers', 'model.safetensors'));
    for (const [name, { data }] of readWeights(gold('hf'))) expect([...found.get(name)!.data]).toEqual([...data]);
  });

  it('give the weights of pytorch_model.bin without its buffers', () => {
    const weights = readWeights(gold('hf'));
    const masters = readSafetensors(gold('golden_master.safetensors'));
    expect([...weights.keys()].sort()).toEqual([...masters.keys()].sort());
    let largest = 0;
    for (const [name, { shape, data }] of masters) {
      expect(weights.get(name)!.shape).toEqual(shape);
      for (const [i, value] of data.entries()) {
        // Half precision: 11 significant bits, or 2^-25 below its smallest normal number.
        largest = Math.max(largest, Math.abs(weights.get(name)!.data[i]! - value) - Math.abs(value) * 2 ** -11);
      }
    }
    expect(largest).toBeLessThanOrEqual(2 ** -25);
  });

  it('are refused when they mention a global that would run a command', () => {
    expect(() => new TorchFile(gold('hostile_reduce.pt'))).toThrow(
      /hostile_reduce\.pt, byte 13 of its pickle: the global posix\.system is not one/,
    );
    expect(existsSync('PWNED')).toBe(false);
  });
});
