// `tiresias score` against golden log-likelihoods: an independent program scored every pair of the official CrowS-Pairs file in
// float64 with a random one-layer model of Pythia's vocabulary (README beside the golden file).
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { addScoreCommand } from '../../src/cli/score.ts';
import type { Evaluation } from '../../src/eval/evaluation.ts';
import { packagePath } from '../../src/package-root.ts';
import { writeEmFiles } from '../eval/em-files.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

interface Golden {
  all: { n: number; pct_stereotype: number; likelihood_diff: number };
  gender: { n: number; pct_stereotype: number; likelihood_diff: number };
  items: { index: number; bias_type: string; num_tokens: number[]; log_likelihood: number[] }[];
}

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-score-'));
afterAll(() => rmSync(scratch, { recursive: true }));

async function run(...words: string[]): Promise<string> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
  addScoreCommand(program);
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => undefined });
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
  try {
    await program.parseAsync(['score', ...words], { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return written.join('');
}

const model = () => ['--model', sharedPath('gold/scoring'), '--tokenizer', sharedPath('tokenizer/20B_tokenizer.json')];

describe('tiresias score of WinoBias by other protocols', () => {
  const nano = (name: string) => packagePath('suite', 'nano', name);
  const model = ['--model', nano('nano-1m-seed1/step1430'), '--tokenizer', nano('tokenizer.json'), '--backend', 'wasm'];
  const words = ['--benchmark', 'winobias', ...model];

  it('asks templates and shows what the score depends on', async () => {
    const [data, templates] = writeEmFiles(scratch, 'answers');
    const em = [...words, '--protocol', 'pythia-em', '--data', data, '--templates', templates, '--template', 'what'];
    const table = await run(...em, '--max-new', '3', '--prompt-edges', 'as-rendered');
    expect(table).toMatch(/^own-winobias \(not the official files/);
    expect(table).toMatch(/protocol pythia-em, templates \["what"\], promptEdges "as-rendered", maxNew 3, 4 items/);
    expect(table).toMatch(/^netBias\.what +/m);
    const settled = JSON.parse(await run(...em, '--max-new', '9', '--json')) as Evaluation;
    const whole = JSON.parse(await run(...em, '--max-new', '9', '--full-length', '--json')) as Evaluation;
    expect(whole.settings).toEqual({ templates: ['what'], promptEdges: 'stripped', maxNew: 9 });
    expect(whole.scores).toEqual(settled.scores);
    expect(Math.max(...whole.items.flatMap(({ numTokens }) => numTokens))).toBe(9);
    expect(settled.items.flatMap(({ numTokens }) => numTokens).some((n) => n < 9)).toBe(true);
    await expect(run(...words, '--protocol', 'pythia-em', '--data', data)).rejects.toThrow(/needs --templates/);
    await expect(run(...em, '--protocol', 'likelihood')).rejects.toThrow(
      /--templates belongs to the protocol pythia-em/,
    );
  });

  it('says of the pronoun choice that it is a reconstruction', async () => {
    const folder = join(scratch, 'choices');
    mkdirSync(folder);
    for (const [side, pronoun] of Object.entries({ pro: 'he', anti: 'she' })) {
      const line = `1 [The guard] came home because [${pronoun}] was tired.\n`;
      writeFileSync(join(folder, `${side}_stereotyped_type1.txt.test`), line);
    }
    const choice = [...words, '--protocol', 'pronoun-choice', '--data', folder];
    expect(await run(...choice)).toMatch(/^a reconstruction: the multiple choice/m);
    const { labels } = JSON.parse(await run(...choice, '--json')) as { labels: { label: string }[] };
    expect(labels.map(({ label }) => label)).toContain('a reconstruction');
  });
});

describe.skipIf(!hasShared)('tiresias score', () => {
  it('gives the golden token counts, log-likelihoods and rates of all 1,508 pairs', { timeout: 600_000 }, async () => {
    const golden = JSON.parse(readFileSync(sharedPath('gold/scoring/crows_pairs.golden.json'), 'utf8')) as Golden;
    const data = sharedPath('benchmarks/crows-pairs/crows_pairs_anonymized.csv');
    const output = await run('--benchmark', 'crows-pairs', '--data', data, ...model(), '--json');
    const { scores, items, ...head } = JSON.parse(output) as Evaluation;
    expect(head).toMatchObject({ benchmark: 'crows-pairs', protocol: 'likelihood', numItems: 1508 });
    expect(items).toHaveLength(golden.items.length);
    items.forEach((item, i) => {
      const gold = golden.items[i]!; // equal lengths
      expect([item.index, item.biasType, ...item.numTokens]).toEqual([gold.index, gold.bias_type, ...gold.num_tokens]);
      // Single precision rounds each log P of about −12 by up to 1e-6 of the logits' size; sentences have up to 60 tokens.
      // Measured: at most 0.0005. The closest pair of the file is 0.025 apart, so no rate can change.
      item.logLikelihood.forEach((value, side) =>
        expect(Math.abs(value - gold.log_likelihood[side]!)).toBeLessThan(0.002),
      );
    });
    expect(scores['pctStereotype']).toMatchObject({ value: golden.all.pct_stereotype, numItems: golden.all.n });
    expect(scores['pctStereotype.gender']).toMatchObject({ value: golden.gender.pct_stereotype, numItems: 262 });
    expect(scores['likelihoodDiff']?.value).toBeCloseTo(golden.all.likelihood_diff, 4);
    expect(scores['likelihoodDiff.gender']?.value).toBeCloseTo(golden.gender.likelihood_diff, 4);
  });

  it('scores a folder of WinoBias files and shows a table with intervals, n and both halves', async () => {
    const folder = join(scratch, 'wino');
    mkdirSync(folder);
    for (const [side, pronouns] of Object.entries({ pro: ['he', 'her'], anti: ['she', 'his'] })) {
      const lines = [
        `1 [The cook] ate because [${pronouns[0]}] could.`,
        `2 The guard saw [the nurse] in [${pronouns[1]}] car.`,
      ];
      writeFileSync(join(folder, `${side}_stereotyped_type1.txt.dev`), `${lines.join('\n')}\n`);
    }
    const words = ['--benchmark', 'winobias', '--data', folder, ...model(), '--backend', 'wasm'];
    const table = await run(...words);
    expect(table).toMatch(/^own-winobias \(not the official files, SHA-256 [0-9a-f]{64}\)\n/);
    expect(table).toMatch(/2 items, back end wasm: asked for by name/);
    expect(table).toMatch(/^proRate\.masculine +[01]\.0000 +\d\.\d{4} to \d\.\d{4} +1$/m);
    expect(table).toMatch(/^proRate\.feminine /m);
    const evaluation = JSON.parse(await run(...words, '--name', 'mine', '--json')) as Evaluation;
    expect(evaluation.benchmark).toBe('mine');
    expect(evaluation.items.map((item) => item['occupation'])).toEqual(['cook', 'nurse']);
    const { scores } = evaluation;
    expect([scores['proRate.masculine']?.numItems, scores['proRate.feminine']?.numItems]).toEqual([1, 1]);
    expect(scores['logOdds']?.numItems).toBe(2);
  });

  it('gives perplexity and accuracy of last words in the LAMBADA form', async () => {
    const data = join(scratch, 'passages.jsonl');
    writeFileSync(data, '{"text": "The nurse said that she was tired"}\n{"text": "The cook saw his friend"}\n');
    const words = ['--benchmark', 'lambada', '--data', data, ...model(), '--backend', 'wasm'];
    const { scores, ...head } = JSON.parse(await run(...words, '--json')) as Evaluation;
    expect(head).toMatchObject({ benchmark: 'own-lambada', protocol: 'likelihood', numItems: 2 });
    expect(Object.keys(scores)).toEqual(['perplexity', 'wordAccuracy', 'wordLossNats']);
    expect(scores['perplexity']?.value).toBeCloseTo(Math.exp(scores['wordLossNats']!.value), 3);
    expect(scores['wordAccuracy']).toMatchObject({ value: 0, intervalMethod: 'Wilson' });
    await expect(run(...words, '--protocol', 'shared-tokens')).rejects.toThrow(
      /shared-tokens is for another kind of benchmark/,
    );
  });

  it('refuses an unknown protocol, a missing file, and an official name for a set of one’s own', async () => {
    const data = join(scratch, 'own.csv');
    writeFileSync(data, 'sent_more,sent_less,stereo_antistereo,bias_type\nHe ate.,She ate.,stereo,gender\n');
    const words = ['--benchmark', 'crows-pairs', ...model()];
    await expect(run(...words, '--data', data, '--protocol', 'exact-match')).rejects.toThrow(
      /Allowed choices are likelihood/,
    );
    await expect(run(...words, '--data', join(scratch, 'none.csv'))).rejects.toThrow(
      /none\.csv: expected a benchmark file/,
    );
    await expect(run(...words, '--data', data, '--name', 'crows-pairs')).rejects.toThrow(
      /SHA-256 is not that of crows-pairs/,
    );
  });
});
