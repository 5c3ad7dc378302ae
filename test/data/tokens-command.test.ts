// `tiresias tokens` prints ids or text and nothing else.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { addTokensCommand } from '../../src/cli/tokens.ts';
import { InputError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';

const folder = packagePath('test', 'fixtures', 'tokenizer');
const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as { cases: [string, number[]][] };

async function run(input: string, ...args: string[]): Promise<string> {
  vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin);
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const program = new Command().exitOverride();
  addTokensCommand(program);
  await program.parseAsync(['tokens', '--tokenizer', `${folder}/tokenizer.json`, ...args], { from: 'user' });
  return write.mock.calls.map(([text]) => String(text)).join('');
}

afterEach(() => vi.restoreAllMocks());

describe('tiresias tokens', () => {
  const [text, ids] = golden.cases[0]!;

  it('prints the ids of a text as JSON', async () => {
    expect(await run(text)).toBe(`${JSON.stringify(ids)}\n`);
  });

  it('prints an empty list for an empty text', async () => {
    expect(await run('')).toBe('[]\n');
  });

  it('prints the text of ids as it is', async () => {
    expect(await run(` ${JSON.stringify(ids)}\n`, '--decode')).toBe(text);
  });

  it.each(['[1,', '{}', '[1.5]', '["1"]'])('refuses %s as a list of ids', async (input) => {
    await expect(run(input, '--decode')).rejects.toThrow(InputError);
    await expect(run(input, '--decode')).rejects.toThrow(/standard input: expected a JSON list of token ids/);
  });
});
