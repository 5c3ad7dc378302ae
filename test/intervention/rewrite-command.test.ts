// `tiresias rewrite` and `tiresias policies`: lines in, lines out, whatever the pieces in which they come.
import fc from 'fast-check';
import { Command } from 'commander';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { rewrite } from '../../augmentation/rewrite.ts';
import { addPoliciesCommand } from '../../src/cli/policies.ts';
import { coloured, newStats } from '../../src/cli/rewrite-report.ts';
import { addRewriteCommand, rewriteLines, type Rewriting } from '../../src/cli/rewrite.ts';
import { InputError } from '../../src/errors.ts';

const swap: Rewriting = { policy: 'morph-v1', direction: 'swap', seed: 1 };

async function run(pieces: readonly string[], rewriting = swap): Promise<string> {
  const written: string[] = [];
  const chunks = (async function* () {
    yield* pieces;
  })();
  for await (const text of rewriteLines(chunks, rewriting)) written.push(text);
  return written.join('');
}

afterEach(() => vi.restoreAllMocks());

describe('tiresias rewrite', () => {
  it('writes one line a document with its id, text and edits', async () => {
    const output = await run(['{"id":"a","text":"He ran.","more":1}\n\n{"id":7,"text":"No one."}']);
    expect(
      output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { id: 'a', text: 'She ran.', edits: [{ start: 0, end: 2, before: 'He', after: 'She', rule: 'he-subject' }] },
      { id: 7, text: 'No one.', edits: [] },
    ]);
  });

  it('does not mind how the input is cut, nor characters that end lines elsewhere', async () => {
    const documents = ['He\u2028said\u0085 so', 'her\r\nhat', '', '😀 his'].map((text, id) => ({ id, text }));
    const input = documents.map((one) => JSON.stringify(one)).join('\r\n') + '\n';
    const whole = await run([input]);
    expect(
      whole
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { text: string }).text),
    ).toEqual(documents.map(({ text }) => rewrite(text, swap).text));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: input.length }), { maxLength: 8 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), input.length];
        const pieces = places.slice(1).map((end, i) => input.slice(places[i], end));
        expect(await run(pieces)).toBe(whole);
      }),
      { seed: 9, numRuns: 50 },
    );
  });

  it('names the line that is no document, after giving out those before it', async () => {
    const written: string[] = [];
    const reading = async (bad: string) => {
      const chunks = (async function* () {
        yield `{"id":1,"text":"he"}\n${bad}\n{"id":3,"text":"he"}\n`;
      })();
      for await (const text of rewriteLines(chunks, swap)) written.push(text);
    };
    await expect(reading('{"id":2,')).rejects.toThrow(InputError);
    await expect(reading('{"id":2,')).rejects.toThrow(/stdin, line 2: .*JSON/);
    await expect(reading('{"id":2}')).rejects.toThrow(/stdin, line 2: .*text/);
    await expect(reading('[1]')).rejects.toThrow(/stdin, line 2/);
    expect(written).toHaveLength(4);
    expect(written[0]).toContain('"she"');
  });

  it('draws for balanced by seed and id, not by order', async () => {
    const lines = Array.from({ length: 200 }, (_, id) => JSON.stringify({ id: `d${id}`, text: 'He ran.' }));
    const balanced = { ...swap, direction: 'balanced' } as const;
    const sorted = (output: string) => output.trim().split('\n').sort();
    const output = await run([lines.join('\n')], balanced);
    expect(sorted(await run([lines.reverse().join('\n')], balanced))).toEqual(sorted(output));
    expect(sorted(await run([lines.join('\n')], { ...balanced, seed: 2 }))).not.toEqual(sorted(output));
    const numSwapped = output.split('She ran.').length - 1;
    expect(Math.abs(numSwapped - 100)).toBeLessThan(4 * Math.sqrt(50));
  });

  it('explains each word that is spelt like a pronoun', async () => {
    const pieces = (async function* () {
      yield '{"id":1,"text":"He asked her. HER2, his/her"}';
    })();
    const explained: string[] = [];
    const rewriting = { ...swap, direction: 'masculine-to-feminine' } as const;
    for await (const text of rewriteLines(pieces, rewriting, { isExplained: true })) explained.push(text);
    const { decisions } = JSON.parse(explained.join('')) as { decisions: object[] };
    expect(decisions).toEqual([
      { start: 0, end: 2, form: 'he', rule: 'he-subject', guard: null, margin: null },
      { start: 9, end: 12, form: 'her', rule: null, guard: null, margin: expect.any(Number) },
      { start: 20, end: 23, form: 'his', rule: null, guard: null, margin: null },
      { start: 24, end: 27, form: 'her', rule: null, guard: null, margin: expect.any(Number) },
    ]);
  });

  it('counts documents, edits, guards and every her', async () => {
    const stats = newStats();
    const pieces = (async function* () {
      yield '{"id":1,"text":"He asked her."}\n{"id":2,"text":"A he-goat ran."}';
    })();
    for await (const _ of rewriteLines(pieces, swap, { stats })) expect(_).not.toBe('');
    expect(stats).toMatchObject({ numDocuments: 2, numDocumentsChanged: 1, numEdits: 2, numHer: 1, numUnits: 27 });
    expect(stats.editsByRule).toEqual({ 'he-subject': 1, 'her-object': 1 });
    expect(stats.leftByGuard).toEqual({ 'hyphen-compound': 1 });
  });

  it('marks edits for people, in colour or in brackets', () => {
    const rewritten = rewrite('So he ran.', { policy: 'morph-v1', direction: 'swap' });
    expect(coloured('So he ran.', rewritten, false)).toBe('So [-he-]{+she+} ran.');
    expect(coloured('So he ran.', rewritten, true)).toMatch(/^So \S+he\S+she\S+ ran\.$/);
  });

  it('draws for single documents and single occurrences by seed and id', async () => {
    const lines = Array.from({ length: 200 }, (_, id) => JSON.stringify({ id: `d${id}`, text: 'He ran; he hid.' }));
    const counts = async (per: 'document' | 'occurrence') => {
      const output = await run([lines.join('\n')], { ...swap, probability: 0.5, per });
      const texts = output
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { text: string }).text);
      return [0, 1, 2].map((number) => texts.filter((text) => (text.match(/she/gi)?.length ?? 0) === number).length);
    };
    const [none, one, both] = await counts('document');
    expect(one).toBe(0);
    expect(Math.abs(none! - both!)).toBeLessThan(8 * Math.sqrt(50));
    const each = await counts('occurrence');
    expect(Math.abs(each[1]! - 100)).toBeLessThan(4 * Math.sqrt(50));
  });

  it.each([
    ['--policy morph-v0 --direction swap', /morph-v0/],
    ['--policy morph-v1 --direction neutral', /neutral/],
    ['--policy morph-v1 --direction sideways', /sideways/],
  ])('refuses %s before reading', async (args, message) => {
    const program = new Command().exitOverride();
    addRewriteCommand(program);
    const refused = program.parseAsync(['rewrite', ...args.split(' ')], { from: 'user' });
    await expect(refused).rejects.toThrow(InputError);
    await expect(refused).rejects.toThrow(message);
  });
});

describe('tiresias policies', () => {
  it.each([
    ['policies', /morph-v1 1\.2\.0[^]*idmap-2022 1\.0\.0/],
    ['policies --json', /^\[/],
  ])('prints for %s', (args, pattern) => {
    const written: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    const program = new Command().exitOverride();
    addPoliciesCommand(program);
    program.parse(args.split(' '), { from: 'user' });
    expect(written.join('')).toMatch(pattern);
    if (args.includes('json'))
      expect(JSON.parse(written.join(''))).toContainEqual(
        expect.objectContaining({ name: 'morph-v1', actsOn: 'text' }),
      );
  });
});
