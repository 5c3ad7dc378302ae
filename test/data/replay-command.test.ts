// `tiresias replay` prints the batch and nothing else.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { addReplayCommand } from '../../src/cli/replay.ts';
import { packagePath } from '../../src/package-root.ts';

const folder = packagePath('test', 'fixtures', 'replay');
const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as {
  datasets: Record<string, { sha256: string[]; firstRow: number[] }>;
};

function run(args: string): string {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addReplayCommand(program);
  program.parse(['replay', ...args.split(' ')], { from: 'user' });
  return written.join('');
}

afterEach(() => vi.restoreAllMocks());

describe('tiresias replay', () => {
  it('prints the SHA-256 of a preshuffled batch', () => {
    const args = `--data ${folder}/rows-uint16 --layout preshuffled --seq-length 12 --batch-size 4 --step 3 --format sha256`;
    expect(run(args)).toBe(`${golden.datasets['rows-uint16']!.sha256[3]}\n`);
  });

  it('prints the rows of packed documents as JSON', () => {
    const args = `--data ${folder}/epochs-uint16 --layout documents --seq-length 16 --batch-size 4 --train-steps 40 --seed 1234 --step 0 --format json`;
    const rows = JSON.parse(run(args)) as number[][];
    expect(rows.map((row) => row.length)).toEqual([17, 17, 17, 17]);
    expect(rows[0]).toEqual(golden.datasets['epochs-uint16']!.firstRow);
  });

  it.each([
    ['--step x', /'--step <k>' argument 'x' is invalid/],
    ['--step -1', /'--step <k>' argument '-1' is invalid/],
    ['--step 99', /step: expected one of 0 to 4/],
    ['--step 0 --format csv', /--format: expected sha256 or json, found csv/],
  ])('refuses %s', (extra, message) => {
    const args = `--data ${folder}/rows-uint16 --layout preshuffled --seq-length 12 --batch-size 4 ${extra}`;
    expect(() => run(args)).toThrow(message);
  });
});
