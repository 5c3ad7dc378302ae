// What inspectWeights tells about a folder: the digest of its parameters whatever form they are in, values that are no numbers, and what does not fit.
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inspectWeights } from '../../src/checkpoint/inspect.ts';
import { readSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { openWeights } from '../../src/checkpoint/weights.ts';
import { DataError } from '../../src/errors.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { parameterShapes } from '../../src/model/parameters.ts';
import { packagePath } from '../../src/package-root.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

const fixture = packagePath('test', 'fixtures', 'engine');
const config = readModelConfig(join(fixture, 'config.json'));
const whole = readSafetensors(join(fixture, 'model.safetensors'));

let root: string;
let folder: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'inspect-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = mkdtempSync(join(root, 'model-'));
});

const write = (tensors: typeof whole): void => writeSafetensors(join(folder, 'model.safetensors'), tensors);

describe('inspectWeights', () => {
  it('gives names and shapes, and the digest of all values in the order of the model', async () => {
    const hash = createHash('sha256');
    for (const { name } of parameterShapes(config)) hash.update(Buffer.from(whole.get(name)!.data.buffer));
    const seen: number[][] = [];
    const found = await inspectWeights(fixture, config, (done, total) => seen.push([done, total]));
    expect(found.sha256).toBe(hash.digest('hex'));
    expect(found.tensors.map(({ name, shape }) => ({ name, shape }))).toEqual(parameterShapes(config));
    expect(found.numNonFinite).toBe(0);
    expect(seen).toEqual(parameterShapes(config).map((_, i) => [i + 1, 28]));
  });

  it('gives the same digest for shards in another order, and another one for one changed value', async () => {
    const { sha256 } = await inspectWeights(fixture, config);
    const names = [...whole.keys()].reverse();
    const files = ['a.safetensors', 'b.safetensors'];
    const inFile = (i: number) => names.filter((_, n) => n % 2 === i).map((name) => [name, whole.get(name)!] as const);
    for (const [i, file] of files.entries()) writeSafetensors(join(folder, file), inFile(i));
    const map = Object.fromEntries(names.map((name, n) => [name, files[n % 2]]));
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
    expect((await inspectWeights(folder, config)).sha256).toBe(sha256);

    const changed = readSafetensors(join(fixture, 'model.safetensors'));
    changed.get('embed_out.weight')!.data[7]! += 0.5;
    write(changed);
    expect((await inspectWeights(folder, config)).sha256).not.toBe(sha256);
  });

  it('counts what is no number, tensor by tensor', async () => {
    const tensors = readSafetensors(join(fixture, 'model.safetensors'));
    tensors.get('gpt_neox.final_layer_norm.bias')!.data.set([Number.NaN, -Infinity], 3);
    tensors.get('embed_out.weight')!.data[0] = Infinity;
    write(tensors);
    const found = await inspectWeights(folder, config);
    expect(found.numNonFinite).toBe(3);
    expect(found.tensors.filter(({ numNonFinite }) => numNonFinite > 0)).toEqual([
      { name: 'gpt_neox.final_layer_norm.bias', shape: [12], numNonFinite: 2 },
      { name: 'embed_out.weight', shape: [32, 12], numNonFinite: 1 },
    ]);
  });

  it('refuses a missing, a foreign and a misshapen tensor by name', async () => {
    const without = (name: string) => new Map([...whole].filter(([other]) => other !== name));
    write(without('embed_out.weight'));
    await expect(inspectWeights(folder, config)).rejects.toThrow(
      /model\.safetensors.*: tensor "embed_out\.weight" is missing/,
    );
    write(new Map([...whole, ['gpt_neox.extra', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }]]));
    await expect(inspectWeights(folder, config)).rejects.toThrow(/tensor "gpt_neox\.extra" has no place in a model/);
    write(new Map([...whole, ['embed_out.weight', { ...whole.get('embed_out.weight')!, shape: [12, 32] }]]));
    await expect(inspectWeights(folder, config)).rejects.toThrow(
      /tensor "embed_out\.weight" has shape \[12, 32\], expected \[32, 12\]/,
    );
    await expect(inspectWeights(join(root, 'nowhere'), config)).rejects.toThrow(DataError);
  });

  it.skipIf(!hasShared)('reads what PyTorch wrote in half precision as what those numbers are', async () => {
    const from = sharedPath('gold', 'checkpoint', 'hf');
    const found = await inspectWeights(from, readModelConfig(join(from, 'config.json')));
    cpSync(join(from, 'config.json'), join(folder, 'config.json'));
    const { tensors, close } = openWeights(from);
    writeSafetensors(join(folder, 'model.safetensors'), tensors);
    close();
    expect((await inspectWeights(folder, readModelConfig(join(folder, 'config.json')))).sha256).toBe(found.sha256);
  });
});
