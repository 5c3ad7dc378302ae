// A checkpoint gives back every bit or a named refusal; a save is complete or has left nothing.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  loadCheckpoint,
  loadWeights,
  saveCheckpoint,
  verifyCheckpoint,
  type CheckpointContent,
} from '../../src/checkpoint/checkpoint.ts';
import { readSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';
import { DataError, messageOf } from '../../src/errors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { disposeState, fromState, toState } from '../../src/train/state.ts';
import { goldenArrays, goldenConfig, goldenPath } from '../model/golden.ts';
import { bitsOf, tinyStart, trainTo } from '../train/tiny-run.ts';

const CONFIG = goldenPath('config.json');
const weights = goldenArrays('model.safetensors');
const content: CheckpointContent = {
  ...{ step: 1330, lrCount: 1329, adamCount: 1328 },
  parameters: weights,
  moments: {
    expAvg: goldenArrays('moments-after.safetensors', 'exp_avg.'),
    expAvgSq: goldenArrays('moments-after.safetensors', 'exp_avg_sq.'),
  },
};

let home: string;
let folder: string; // of a complete checkpoint
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'checkpoint-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));
beforeEach(async () => {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home);
  folder = join(home, 'step1330');
  await saveCheckpoint(folder, content, goldenConfig, CONFIG);
});

describe('a saved checkpoint', () => {
  it('gives back every bit and the three counters', async () => {
    const loaded = await loadCheckpoint(folder, goldenConfig);
    expect(loaded).toEqual(content);
    expect(await loadWeights(folder, goldenConfig)).toEqual(weights);
  });

  it('without moments gives back none', async () => {
    const { step, lrCount, adamCount, parameters } = content;
    const weightsOnly = { step, lrCount, adamCount, parameters };
    const path = join(home, 'weights', 'step1330');
    await saveCheckpoint(path, weightsOnly, goldenConfig, CONFIG);
    expect(await loadCheckpoint(path, goldenConfig)).toEqual(weightsOnly);
    expect(existsSync(join(path, 'optimizer.safetensors'))).toBe(false);
  });

  it('has the files of a model folder, and a manifest with the SHA-256 and size of each', async () => {
    const saved = await saveCheckpoint(folder, content, goldenConfig, CONFIG);
    const names = ['config.json', 'model.safetensors', 'optimizer.safetensors', 'state.json'];
    expect(readdirSync(folder).sort()).toEqual([...names, 'manifest.json'].sort());
    expect(readFileSync(join(folder, 'config.json'))).toEqual(readFileSync(CONFIG));
    const text = readFileSync(join(folder, 'manifest.json'), 'utf8');
    const manifest = JSON.parse(text) as { step: number; files: Record<string, unknown> };
    const files = names.map((name) => {
      const bytes = readFileSync(join(folder, name));
      return [name, { sha256: sha256(bytes), sizeBytes: bytes.length }] as const;
    });
    expect(manifest).toMatchObject({ step: 1330, files: Object.fromEntries(files) });
    expect(Object.keys(manifest.files).sort()).toEqual(names);
    const sizeBytes = files.reduce((sum, [, file]) => sum + file.sizeBytes, 0);
    expect(saved).toEqual({ path: folder, manifestSha256: sha256(text), sizeBytes });
  });

  it('has the same bytes whenever it is saved, and its moments under their published names', async () => {
    const again = join(home, 'again', 'step1330');
    await saveCheckpoint(again, content, goldenConfig, CONFIG);
    for (const name of readdirSync(folder))
      expect(readFileSync(join(again, name))).toEqual(readFileSync(join(folder, name)));
    const optimizer = readSafetensors(join(folder, 'optimizer.safetensors'));
    expect(optimizer.size).toBe(2 * weights.size);
    expect(optimizer.get('exp_avg.embed_out.weight')!.shape).toEqual([32, 12]);
    expect(optimizer.has('exp_avg_sq.gpt_neox.layers.1.mlp.dense_4h_to_h.bias')).toBe(true);
  });

  it('carries a run over: resumed from files it ends with the bits of the unbroken run', async () => {
    await selectBackend('wasm');
    const unbroken = await trainTo(tinyStart(), 4);
    const halfway = await trainTo(tinyStart(), 2);
    const path = join(home, 'step2');
    await saveCheckpoint(path, await fromState(halfway), goldenConfig, CONFIG);
    disposeState(halfway);
    const loaded = await loadCheckpoint(path, goldenConfig);
    const resumed = await trainTo(toState(goldenConfig, loaded, 'exact-state'), 4);
    expect(await bitsOf(resumed)).toEqual(await bitsOf(unbroken));
    [unbroken, resumed].forEach(disposeState);
  });
});

describe('a folder of others', () => {
  it('without manifest and state takes its step from its name', async () => {
    const path = join(home, 'hub', 'step143000');
    mkdirSync(path, { recursive: true });
    cpSync(goldenPath('model.safetensors'), join(path, 'model.safetensors'));
    const loaded = await loadCheckpoint(path, goldenConfig);
    expect(loaded).toEqual({ step: 143_000, lrCount: 143_000, adamCount: 143_000, parameters: weights });
  });

  it('without manifest, state and a step in its name is refused', async () => {
    const path = join(home, 'main');
    mkdirSync(path);
    cpSync(goldenPath('model.safetensors'), join(path, 'model.safetensors'));
    await expectRefusal(path, /main: has no state\.json and its name does not end in stepN/);
  });

  it('may leave Adam out of state.json; its count is then that of the schedule', async () => {
    unsign();
    writeFileSync(join(folder, 'state.json'), '{"step": 1330, "lrCount": 1300, "lossScale": 4096, "skippedSteps": 30}');
    const loaded = await loadCheckpoint(folder, goldenConfig);
    expect(loaded).toMatchObject({ step: 1330, lrCount: 1300, adamCount: 1300 });
  });
});

describe('a damaged checkpoint is refused by file and tensor:', () => {
  const damages: [string, () => void, RegExp][] = [
    [
      'one changed byte in the weights',
      () => flipByte(join(folder, 'model.safetensors'), -5),
      /model\.safetensors: its SHA-256 [0-9a-f]{64} differs from its manifest's/,
    ],
    [
      'one changed byte in the moments',
      () => flipByte(join(folder, 'optimizer.safetensors'), -5),
      /optimizer\.safetensors: its SHA/,
    ],
    ['one changed byte in the counters', () => flipByte(join(folder, 'state.json'), 12), /state\.json: its SHA/],
    [
      'a file cut short',
      () => truncateSync(join(folder, 'model.safetensors'), 500),
      /model\.safetensors: holds 500 bytes, its manifest says 2/,
    ],
    [
      'a missing file',
      () => rmSync(join(folder, 'optimizer.safetensors')),
      /optimizer\.safetensors: named in the manifest but not there/,
    ],
    [
      'a manifest that is no JSON',
      () => writeFileSync(join(folder, 'manifest.json'), '{'),
      /manifest\.json: expected JSON/,
    ],
    [
      'a manifest of another format',
      () => writeFileSync(join(folder, 'manifest.json'), '{"format":"x","step":1,"files":{}}'),
      /manifest\.json: not the JSON/,
    ],
    [
      'unsigned weights cut short',
      () => {
        unsign();
        truncateSync(join(folder, 'model.safetensors'), statSync(join(folder, 'model.safetensors')).size - 4);
      },
      /model\.safetensors, byte 21108: .*the file is cut short/,
    ],
    ['no weights', () => [unsign(), rmSync(join(folder, 'model.safetensors'))], /model\.safetensors/],
    [
      'a missing tensor',
      () => rewriteTensors('model.safetensors', (tensors) => tensors.delete('gpt_neox.final_layer_norm.bias')),
      /tensor "gpt_neox\.final_layer_norm\.bias" is missing/,
    ],
    [
      'a tensor of another shape with as many values',
      () =>
        rewriteTensors('model.safetensors', (tensors) => {
          const { data } = tensors.get('embed_out.weight')!;
          tensors.set('embed_out.weight', { dtype: 'F32', shape: [12, 32], data });
        }),
      /tensor "embed_out\.weight" has shape \[12, 32\], expected \[32, 12\]/,
    ],
    [
      'a missing moment',
      () => rewriteTensors('optimizer.safetensors', (tensors) => tensors.delete('exp_avg_sq.embed_out.weight')),
      /optimizer\.safetensors: tensor "exp_avg_sq\.embed_out\.weight" is missing/,
    ],
    [
      'counters that are no numbers',
      () => [unsign(), writeFileSync(join(folder, 'state.json'), '{"step":"x"}')],
      /state\.json: not the JSON/,
    ],
    [
      'a negative counter',
      () => [unsign(), writeFileSync(join(folder, 'state.json'), '{"step":-1,"lrCount":0}')],
      /state\.json: not the JSON/,
    ],
  ];
  it.each(damages)('%s', async (_, damage, message) => {
    damage();
    await expectRefusal(folder, message);
  });

  it('by verifyCheckpoint alone, before any tensor is read', async () => {
    flipByte(join(folder, 'model.safetensors'), -5);
    await expect(verifyCheckpoint(folder)).rejects.toThrow(DataError);
    await expect(loadWeights(folder, goldenConfig)).rejects.toThrow(DataError);
  });

  it('a manifest that names files outside its folder', async () => {
    const outside = join(home, 'outside');
    writeFileSync(outside, 'x');
    const file = { sha256: sha256('x'), sizeBytes: 1 };
    const manifest = { format: 'tiresias-checkpoint-1', step: 1330, files: { '../outside': file } };
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
    await expectRefusal(folder, /manifest\.json/);
  });

  it('a manifest that leaves out a file that is there', async () => {
    const path = join(folder, 'manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { files: Record<string, unknown> };
    delete manifest.files['optimizer.safetensors'];
    writeFileSync(path, JSON.stringify(manifest));
    await expectRefusal(folder, /optimizer\.safetensors/);
  });
});

describe('an interrupted save', () => {
  it('whose config cannot be copied leaves nothing, neither the folder nor a half-written one', async () => {
    const path = join(home, 'next', 'step1340');
    mkdirSync(join(home, 'next'));
    const saving = saveCheckpoint(path, content, goldenConfig, join(home, 'no-config.json'));
    await expect(saving).rejects.toThrow(/no-config\.json/);
    expect(readdirSync(join(home, 'next'))).toEqual([]);
  });

  it('leaves the complete checkpoint that was there before', async () => {
    const saving = saveCheckpoint(folder, { ...content, step: 1 }, goldenConfig, join(home, 'no-config.json'));
    await expect(saving).rejects.toThrow();
    expect(await loadCheckpoint(folder, goldenConfig)).toEqual(content);
    expect(readdirSync(home)).toEqual(['step1330']);
  });

  it('below a file, where no folder can be made, changes nothing', async () => {
    writeFileSync(join(home, 'file'), '');
    await expect(saveCheckpoint(join(home, 'file', 'step1'), content, goldenConfig, CONFIG)).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
    expect(readdirSync(home).sort()).toEqual(['file', 'step1330']);
  });

  it.skipIf(process.getuid?.() === 0)('in a folder that may not be written changes nothing', async () => {
    const closed = join(home, 'closed');
    mkdirSync(closed, { mode: 0o500 });
    await expect(saveCheckpoint(join(closed, 'step1'), content, goldenConfig, CONFIG)).rejects.toThrow(/EACCES/);
    expect(readdirSync(closed)).toEqual([]);
    chmodSync(closed, 0o700);
  });

  it('that was killed leaves a folder that the next save removes, and no checkpoint under its name', async () => {
    const left = join(home, `step1340.writing-${process.pid}`);
    mkdirSync(left);
    writeFileSync(join(left, 'model.safetensors'), 'half');
    await saveCheckpoint(join(home, 'step1340'), { ...content, step: 1340 }, goldenConfig, CONFIG);
    expect(readdirSync(home).sort()).toEqual(['step1330', 'step1340']);
  });

  it('of parameters that lack a tensor leaves nothing', async () => {
    const parameters = new Map(weights);
    parameters.delete('embed_out.weight');
    const path = join(home, 'step1340');
    await expect(saveCheckpoint(path, { ...content, parameters }, goldenConfig, CONFIG)).rejects.toThrow(
      /^bug: .*embed_out/,
    );
    expect(readdirSync(home)).toEqual(['step1330']);
  });
});

async function expectRefusal(path: string, message: RegExp): Promise<void> {
  const refusal = await loadCheckpoint(path, goldenConfig).then(
    () => 'loaded',
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(DataError);
  expect(messageOf(refusal)).toMatch(message);
  expect(messageOf(refusal)).toContain(path);
}

/** Takes the manifest away, as in folders of others, so that the files' own checks are reached. */
function unsign(): void {
  rmSync(join(folder, 'manifest.json'));
}

function rewriteTensors(name: string, change: (tensors: ReturnType<typeof readSafetensors>) => unknown): void {
  unsign();
  const tensors = readSafetensors(join(folder, name));
  change(tensors);
  writeSafetensors(join(folder, name), tensors);
}

function flipByte(path: string, place: number): void {
  const bytes = readFileSync(path);
  const at = place < 0 ? bytes.length + place : place;
  bytes[at] = bytes[at]! ^ 1;
  writeFileSync(path, bytes);
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
