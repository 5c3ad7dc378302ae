// `tiresias replay` prints the batch and nothing else.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { addReplayCommand } from '../../src/cli/replay.ts';
import { packagePath } from '../../src/package-root.ts';

const folder = packagePath('test', 'fixtures', 'replay');
const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as {
  datasets: Record<string, { sha256: string[]; firstRow: number[] }>;
};

async function run(args: string): Promise<string> {
  vi.restoreAllMocks();
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addReplayCommand(program);
  await program.parseAsync(['replay', ...args.split(' ')], { from: 'user' });
  return written.join('');
}

afterEach(() => vi.restoreAllMocks());

describe('tiresias replay', () => {
  it('prints the SHA-256 of a preshuffled batch', async () => {
    const args = `--data ${folder}/rows-uint16 --layout preshuffled --seq-length 12 --batch-size 4 --step 3 --format sha256`;
    expect(await run(args)).toBe(`${golden.datasets['rows-uint16']!.sha256[3]}\n`);
  });

  it('prints the rows of packed documents as JSON', async () => {
    const args = `--data ${folder}/epochs-uint16 --layout documents --seq-length 16 --batch-size 4 --train-steps 40 --seed 1234 --step 0 --format json`;
    const rows = JSON.parse(await run(args)) as number[][];
    expect(rows.map((row) => row.length)).toEqual([17, 17, 17, 17]);
    expect(rows[0]).toEqual(golden.datasets['epochs-uint16']!.firstRow);
  });

  it('keeps the index arrays of documents where it is told to', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'replay-cache-'));
    try {
      const args = `--data ${folder}/epochs-uint16 --layout documents --seq-length 16 --batch-size 4 --train-steps 40 --seed 1234 --step 7 --cache ${cache}`;
      for (let i = 0; i < 2; i++) expect(await run(args)).toBe(`${golden.datasets['epochs-uint16']!.sha256[7]}\n`);
      expect(readdirSync(cache)).toContain('epochs-uint16_train_0_indexmap_161ns_16sl_1234s_shuffle_idx.npy');
    } finally {
      rmSync(cache, { recursive: true });
    }
  });

  it.each([
    ['--step x', /'--step <k>' argument 'x' is invalid/],
    ['--step -1', /'--step <k>' argument '-1' is invalid/],
    ['--step 99', /step: expected one of 0 to 4/],
    ['--step 0 --format csv', /--format: expected sha256 or json, found csv/],
  ])('refuses %s', async (extra, message) => {
    const args = `--data ${folder}/rows-uint16 --layout preshuffled --seq-length 12 --batch-size 4 ${extra}`;
    await expect(run(args)).rejects.toThrow(message);
  });
});
