// `tiresias tokens` prints ids or text and nothing else.
import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { Command } from 'commander';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { tokenChanges } from '../../src/cli/token-changes.ts';
import { addTokensCommand } from '../../src/cli/tokens.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { InputError } from '../../src/errors.ts';
import { rewriteBatch } from '../../src/intervention/batch.ts';
import { packagePath } from '../../src/package-root.ts';
import { batchOf, makeTinyTokenizer } from '../intervention/tiny-tokenizer.ts';

const folder = packagePath('test', 'fixtures', 'tokenizer');
const golden = JSON.parse(readFileSync(`${folder}/golden.json`, 'utf8')) as { cases: [string, number[]][] };

const tokenizer = readTokenizer(`${folder}/tokenizer.json`);

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

describe('tiresias tokens --policy', () => {
  const tiny = makeTinyTokenizer(['Ġ h', 'Ġh e', 'Ġ s', 'Ġs h', 'Ġsh e', 'Ġhe r']);
  const swap = ['--policy', 'morph-v1', '--direction', 'swap'];

  it('shows each changed token before and after, with its text', async () => {
    const row = tokenizer.encode('\nOn the way home she met him. Then she saw her.\n');
    const output = await run(JSON.stringify(row), ...swap);
    const [head, ...lines] = output.trim().split('\n');
    expect(head).toMatch(/^row 0, sample 0: \d+ tokens, 4 edits, /);
    const she = row.indexOf(tokenizer.tokenId(' she')!); // the suite's tokenizer has the word
    expect(lines[1]).toMatch(new RegExp(`^${she} +\\d+ " she" +\\d+ " he" +….*\\[- she-\\]\\{\\+ he\\+\\}`));
  });

  it('prints rows before and after as JSON, drawn as a batch of the dataset draws them', async () => {
    const rows = Array.from({ length: 40 }, () => tokenizer.encode('\nIn the end she met him. Then she saw her.\n'));
    const output = await run(JSON.stringify(rows), ...swap, '--probability', '0.5', '--sample', '700', '--json');
    const shown = JSON.parse(output) as {
      rows: { sample: number; before: number[]; after: number[]; numEdits: number }[];
    };
    const intervention = { policy: 'morph-v1', direction: 'swap', probability: 0.5, seed: 1234 } as const;
    const { batch, proof } = rewriteBatch(batchOf(rows, 700), tokenizer, intervention);
    expect(shown.rows.flatMap(({ after }) => after)).toEqual([...batch.tokens]);
    expect(shown.rows.map(({ before }) => before)).toEqual(rows);
    expect(shown.rows.map(({ sample }) => sample)).toEqual(rows.map((_, index) => 700 + index));
    expect(shown.rows.filter(({ numEdits }) => numEdits > 0)).toHaveLength(proof.numRowsChanged);
    expect(proof.numRowsChanged).toBeGreaterThan(5);
    expect(proof.numRowsChanged).toBeLessThan(35);
  });

  it.each([['[]'], ['[[]]'], ['[[1],2]'], ['{}']])('refuses %s as rows', async (input) => {
    await expect(run(input, ...swap)).rejects.toThrow(/expected a row of token ids/);
  });

  it('asks for a direction that there is, and not for two things at once', async () => {
    await expect(run('[1]', '--policy', 'morph-v1')).rejects.toThrow(/--direction: expected one of .*, found none/);
    await expect(run('[1]', ...swap, '--decode')).rejects.toThrow(/--policy and --decode/);
  });

  it('finds changes that turn one row into the other, and nothing where nothing changed', () => {
    const ids = fc.array(fc.nat(tiny.vocabSize - 1), { maxLength: 12 });
    const edit = fc.record({ at: fc.nat(30), remove: fc.nat(3), put: fc.array(fc.nat(9), { maxLength: 3 }) });
    fc.assert(
      fc.property(ids, ids, fc.array(edit, { maxLength: 3 }), (start, rest, edits) => {
        const before = [...start, ...rest];
        const after = [...before];
        for (const { at, remove, put } of edits) after.splice(at % (after.length + 1), remove, ...put);
        const changes = tokenChanges(before, after);
        const rebuilt: number[] = [];
        let done = 0;
        for (const { place, before: gone, placeAfter, after: come } of changes) {
          rebuilt.push(...before.slice(done, place));
          expect(rebuilt).toHaveLength(placeAfter);
          expect(before.slice(place, place + gone.length)).toEqual(gone);
          rebuilt.push(...come);
          done = place + gone.length;
        }
        expect([...rebuilt, ...before.slice(done)]).toEqual(after);
        if (edits.length === 0) expect(changes).toEqual([]);
      }),
      { seed: 12, numRuns: 2_000 },
    );
  });
});
