import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { DataError, InputError, NotFoundError } from '../../src/errors.ts';
import { findBenchmark, openBenchmark } from '../../src/eval/benchmarks.ts';
import { scoreHeldBack } from '../../src/eval/held-back.ts';
import { evaluateBenchmark } from '../../src/eval/score.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { fakeModel, hashedLogProb } from './fake-model.ts';

const root = mkdtempSync(join(tmpdir(), 'tiresias-eval-'));
let folder = root;
let count = 0;
beforeEach(() => mkdirSync((folder = join(root, String(count++)))));
afterAll(() => rmSync(root, { recursive: true }));

function writeRows(rows: unknown): string {
  const path = join(folder, 'rows.json');
  writeFileSync(path, typeof rows === 'string' ? rows : JSON.stringify(rows));
  return path;
}

function writePairs(): string {
  const path = join(folder, 'own.csv');
  writeFileSync(path, 'sent_more,sent_less,stereo_antistereo,bias_type\nHe ate.,She ate.,stereo,gender\n');
  return path;
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

describe('perplexity', () => {
  // log P of token i of row r is −(i + 1)·(r + 1)/10.
  const model = {
    ...fakeModel(hashedLogProb),
    tokenLogProbs: async (rows: readonly (readonly number[])[]) =>
      rows.map((row, r) => Float64Array.from(row.slice(1), (_, i) => (-(i + 1) * (r + 1)) / 10)),
  };

  it('is exp of the mean loss, with standard error and interval over rows', async () => {
    const path = writeRows([
      [5, 6, 7],
      [8, 9, 10],
      [1, 2, 3],
    ]);
    const evaluation = await evaluateBenchmark(openBenchmark('perplexity', path, 'held-out'), model);
    const losses = [0.15, 0.3, 0.45];
    const { lossNats, perplexity } = evaluation.scores;
    expect(lossNats?.value).toBeCloseTo(0.3, 12);
    expect(lossNats?.standardError).toBeCloseTo(0.15 / Math.sqrt(3), 12); // the sample's standard deviation is 0.15
    expect(perplexity?.value).toBeCloseTo(Math.exp(0.3), 12);
    expect(perplexity?.standardError).toBeCloseTo((Math.exp(0.3) * 0.15) / Math.sqrt(3), 12);
    expect(perplexity?.interval?.[0]).toBeCloseTo(Math.exp(lossNats?.interval?.[0] ?? NaN), 12);
    expect(evaluation.items.map((item) => item.logLikelihood[0])).toEqual(
      losses.map((loss) => expect.closeTo(-2 * loss, 12)),
    );
    expect(evaluation).toMatchObject({ benchmark: 'held-out', protocol: 'likelihood', numItems: 3 });
    expect(evaluation.sha256).toBe(sha256(readFileSync(path)));
  });

  it('of rows from memory is identified by their ids', async () => {
    const evaluation = await scoreHeldBack(
      [
        [5, 6, 7],
        [8, 9, 260],
      ],
      model,
    );
    const bytes = Buffer.from([5, 0, 0, 0, 6, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 4, 1, 0, 0]);
    expect(evaluation).toMatchObject({ benchmark: 'held-back', sha256: sha256(bytes), numItems: 2 });
    expect(evaluation.scores['lossNats']?.value).toBeCloseTo(0.225, 12);
    await expect(
      scoreHeldBack(
        [
          [5, 6, 7],
          [8, 9],
        ],
        model,
      ),
    ).rejects.toThrow(/row 1 has 2 tokens/);
    await expect(scoreHeldBack([], model)).rejects.toThrow(DataError);
  });

  it.each([
    ['no JSON', '[[1,2]', /not JSON/],
    ['no rows', [], /expected rows/],
    ['a row of one token', [[1]], /at \[0\]/],
    [
      'a fraction',
      [
        [1, 2],
        [1, 2.5],
      ],
      /at \[1\]\[1\]/,
    ],
    [
      'rows of two lengths',
      [
        [1, 2],
        [1, 2, 3],
      ],
      /row 1 has 3 tokens; row 0 has 2/,
    ],
  ])('is refused for a file of %s', async (_, rows, message) => {
    const benchmark = openBenchmark('perplexity', writeRows(rows));
    await expect(evaluateBenchmark(benchmark, model)).rejects.toThrow(message);
  });
});

describe('a benchmark', () => {
  it('of the caller has a name of its own', () => {
    const path = writePairs();
    expect(openBenchmark('crows-pairs', path)).toMatchObject({ name: 'own-crows-pairs', isOfficial: false, path });
    expect(openBenchmark('crows-pairs', path, 'my-pairs').name).toBe('my-pairs');
    for (const name of ['crows-pairs', 'winobias', 'nano-crows-pairs', 'winobias-dev', '', '../x']) {
      expect(() => openBenchmark('crows-pairs', path, name)).toThrow(InputError);
    }
  });

  it('that is not there is named', () => {
    expect(() => openBenchmark('crows-pairs', join(folder, 'none.csv'))).toThrow(NotFoundError);
    expect(() => openBenchmark('winobias', join(folder, 'none'))).toThrow(/expected a folder of WinoBias files/);
    expect(() => openBenchmark('winobias', folder)).toThrow(/found none/);
    expect(() => findBenchmark('crows-pairs', folder)).toThrow(NotFoundError);
    expect(() => findBenchmark('toString', folder)).toThrow(
      /no benchmark "toString"; known are winobias, winobias-dev, winobias-conll, crows-pairs/,
    );
  });

  it('with half a pair of WinoBias files is refused', () => {
    writeFileSync(join(folder, 'pro_stereotyped_type1.txt.dev'), '1 [The cook] said [he] ate.\n');
    expect(() => openBenchmark('winobias', folder)).toThrow(/expected anti_stereotyped_type1.txt.dev beside its twin/);
  });

  it('whose file changed after it was opened is not scored', async () => {
    const path = writePairs();
    const benchmark = openBenchmark('crows-pairs', path);
    expect((await evaluateBenchmark(benchmark, fakeModel(hashedLogProb))).sha256).toBe(benchmark.sha256);
    writeFileSync(path, readFileSync(path, 'utf8').replace('ate', 'sat'));
    await expect(evaluateBenchmark(benchmark, fakeModel(hashedLogProb))).rejects.toThrow(/they have changed/);
  });
});

describe('the miniature benchmarks of the repository', () => {
  it.each([
    ['nano-winobias', 'winobias'],
    ['nano-crows-pairs', 'crows-pairs'],
  ])('%s is found by name and scored', async (name, kind) => {
    const benchmark = findBenchmark(name, folder);
    expect(benchmark).toMatchObject({ name, kind, isOfficial: false });
    const { scores, numItems } = await evaluateBenchmark(benchmark, fakeModel(hashedLogProb));
    expect(numItems).toBeGreaterThan(0);
    // Every pair of the miniature differs in pronouns only.
    expect(scores['logOdds']?.numItems).toBe(numItems);
    expect(openBenchmark(benchmark.kind, benchmark.path).name).toBe(name);
  });
});

describe.skipIf(!hasShared)('the official benchmarks', () => {
  const winobias = hasShared ? sharedPath('benchmarks/winobias') : '';
  const crowsPairs = hasShared ? sharedPath('benchmarks/crows-pairs/crows_pairs_anonymized.csv') : '';

  it('are known by their SHA-256', () => {
    expect(openBenchmark('crows-pairs', crowsPairs)).toMatchObject({ name: 'crows-pairs', isOfficial: true });
    expect(openBenchmark('winobias', winobias)).toMatchObject({ name: 'winobias', isOfficial: true });
  });

  it('are identified by the sha256sum list of their files', () => {
    const list = ['type1', 'type2'].flatMap((type) =>
      ['pro', 'anti'].map((side) => `${side}_stereotyped_${type}.txt.test`),
    );
    const lines = list.map((name) => `${sha256(readFileSync(join(winobias, name)))}  ${name}\n`);
    expect(openBenchmark('winobias', winobias).sha256).toBe(sha256(lines.join('')));
  });

  it('are found in the home folder, and refused when a byte differs', () => {
    mkdirSync(join(folder, 'benchmarks/crows-pairs'), { recursive: true });
    cpSync(winobias, join(folder, 'benchmarks/winobias'), { recursive: true });
    const copy = join(folder, 'benchmarks/crows-pairs/crows_pairs_anonymized.csv');
    writeFileSync(copy, readFileSync(crowsPairs));
    expect(findBenchmark('winobias', folder)).toMatchObject({ name: 'winobias', isOfficial: true });
    expect(findBenchmark('crows-pairs', folder)).toMatchObject({ name: 'crows-pairs', path: copy });
    writeFileSync(copy, readFileSync(crowsPairs, 'utf8').replace('rope', 'ropes'));
    expect(() => findBenchmark('crows-pairs', folder)).toThrow(DataError);
    expect(openBenchmark('crows-pairs', copy)).toMatchObject({ name: 'own-crows-pairs', isOfficial: false });
  });

  it('in part are named as the part they are', () => {
    const copy = (name: string) => writeFileSync(join(folder, name), readFileSync(join(winobias, name)));
    ['pro_stereotyped_type1.txt.dev', 'anti_stereotyped_type1.txt.dev'].forEach(copy);
    expect(openBenchmark('winobias', folder)).toMatchObject({ name: 'winobias-dev-type1', isOfficial: true });
    ['pro_stereotyped_type2.txt.dev', 'anti_stereotyped_type2.txt.dev'].forEach(copy);
    expect(openBenchmark('winobias', folder).name).toBe('winobias-dev');
    ['pro_stereotyped_type2.txt.test', 'anti_stereotyped_type2.txt.test'].forEach(copy);
    expect(openBenchmark('winobias', folder).name).toBe('winobias-type2');
  });
});
