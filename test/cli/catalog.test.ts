// `tiresias models` and `datasets` on a home folder of their own.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import { packagePath } from '../../src/package-root.ts';
import { tiresias } from './command.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const scratch = mkdtempSync(join(tmpdir(), 'tiresias-catalog-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const home = join(scratch, 'home');
const run = (...words: string[]) => tiresias(words, { environment: { TIRESIAS_HOME: home } });

async function answer(...words: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await run(...words, '--json');
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('tiresias models', () => {
  const folder = join(scratch, 'step1000');
  const tokenizer = packagePath('suite', 'nano', 'tokenizer.json');

  beforeAll(() => {
    mkdirSync(folder);
    cpSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'config.json'), join(folder, 'config.json'));
    writeFileSync(join(folder, 'model.safetensors'), '');
  });

  it('registers nothing that cannot be used, and says what is wanting', async () => {
    const add = (name: string, from: string, ...more: string[]) =>
      run('models', 'add', name, '--from', from, '--checkpoint', 'step1000', ...more);
    const damaged = join(scratch, 'damaged');
    cpSync(folder, damaged, { recursive: true });
    writeFileSync(join(damaged, 'config.json'), '{"hidden_size": "wide"}');
    const refused: [Promise<{ code: number | null; stderr: string }>, RegExp][] = [
      [add('pythia-14m', folder), /step1000 has no tokenizer\.json/],
      [add('mine', folder, '--tokenizer', tokenizer), /give its peak learning rate \(--peak-lr\)/],
      [add('pythia-14m', damaged, '--tokenizer', tokenizer), /damaged\/config\.json/],
      [add('pythia-14m', folder, '--tokenizer', join(folder, 'config.json')), /config\.json/],
    ];
    for (const [outcome, message] of refused) {
      const { code, stderr } = await outcome;
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
    expect(existsSync(join(home, 'models'))).toBe(false);
  });

  it('lists a registered checkpoint beside the nano suite, and shows where it is', async () => {
    const words = ['--from', folder, '--checkpoint', 'step1000', '--tokenizer', tokenizer];
    const added = await run('models', 'add', 'pythia-14m', ...words);
    expect(added).toMatchObject({ code: 0, stdout: 'pythia-14m step1000\n' });
    expect(added.stderr).toContain('moments by a burn-in');
    const known = await run('models', 'add', 'pythia-12b', ...words.with(3, 'step50000'));
    expect(known.stderr).toContain('EleutherAI/pythia#206): run `tiresias models verify pythia-12b`');
    rmSync(join(home, 'models', 'pythia-12b.json'));
    expect(await answer('models', 'list')).toMatchObject({
      models: [
        { name: 'nano-1m', suite: 'nano', endStep: 1430 },
        { name: 'pythia-14m', checkpoints: [{ checkpoint: 'step1000', hasOptimizerState: false }] },
      ],
    });
    expect(await answer('models', 'show', 'pythia-14m')).toMatchObject({
      checkpoints: [{ checkpoint: 'step1000', folder }],
      schedule: { peak: 1e-3, totalSteps: 143_000 },
    });
    const everything = (await answer('models', 'list', '--all'))['models'] as { name: string; isHere: boolean }[];
    expect(everything.length).toBeGreaterThan(150);
    expect(everything.map(({ isHere }) => isHere).indexOf(false)).toBe(2); // those that are here come first
    expect(await answer('models', 'show', 'pythia-12b')).toMatchObject({
      isHere: false,
      published: { repo: 'EleutherAI/pythia-12b', checkpointBytes: 23_692_144_640, size: { tensorParallel: 4 } },
    });
    const shown = await run('models', 'show', 'pythia-2.8b');
    expect(shown.stdout).toMatch(/^refused +85 \(EleutherAI\/pythia#205\): 0, 1, 2, .*1000 to 65000 by 1000/m);
    const unknown = await run('models', 'show', 'pythia-15m');
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain('(there is: nano-1m, pythia-14m)');
  });
});

describe('tiresias datasets', () => {
  it('opens token files before it registers them, and counts their steps', async () => {
    const prefix = join(scratch, 'rows');
    const rows = Array.from({ length: 10 }, (_, row) => Array.from({ length: 5 }, (_, i) => row * 5 + i));
    writeIndexedDataset(prefix, rows, 'uint16');
    const words = ['datasets', 'add', 'mine', '--layout', 'preshuffled', '--seq-length', '4', '--batch-size', '3'];
    const outcome = await run(...words, '--data', prefix);
    expect(outcome).toEqual({ code: 0, stdout: 'mine\n', stderr: '10 samples of 4 + 1 tokens: 3 steps of 3\n' });
    const listed = await answer('datasets', 'list');
    expect(listed['datasets']).toMatchObject([
      { name: 'nano-stories' },
      { name: 'mine', numSamples: 10, batchSize: 3 },
    ]);
    const absent = await run(...words.with(2, 'other'), '--data', join(scratch, 'nothing'));
    expect(absent.code).toBe(2);
    expect(absent.stderr).toContain(join(scratch, 'nothing'));
    expect(readdirSync(join(home, 'datasets'))).toEqual(['mine.json']);
    expect(await answer('datasets', 'verify', 'mine', '--all', '--vocab-size', '50')).toEqual({
      ...{ name: 'mine', type: 'uint16', numDocuments: 10, numTokens: 50, sizeBytes: 100 },
      ...{ numSamples: 10, numSamplesRead: 10, highestToken: 49 },
    });
    const beyond = await run('datasets', 'verify', 'mine', '--vocab-size', '49');
    expect(beyond).toMatchObject({ code: 2, stdout: '' });
    expect(beyond.stderr).toContain(
      'rows.bin, byte 98 of the whole, sample 9, token 4: expected a token id below 49, found 49',
    );
  });
});
