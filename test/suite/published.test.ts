// The published figures that the repository carries, against those of a collection of the result files that others made of them.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { REVISED_PAIRS } from '../../src/eval/benchmark-sources.ts';
import { scoresOf } from '../../src/eval/metrics.ts';
import { CONDITIONS, publishedBeside, publishedScores } from '../../src/suite/pythia/published.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

const scores = publishedScores();
const valueOf = (model: string, condition: string, step: number, metric: string) =>
  scores.find(
    (score) => score.model === model && score.condition === condition && score.step === step && score.metric === metric,
  )?.value;

describe('published scores', () => {
  it('are those of the case study, in our words and as fractions', () => {
    expect(scores).toHaveLength(7278);
    expect(new Set(scores.map(({ condition }) => condition))).toEqual(new Set(CONDITIONS));
    const gender = (size: string, condition: string) =>
      valueOf(`pythia-${size}-deduped`, condition, 143_000, 'pctStereotype.gender');
    expect(gender('70m', 'baseline')).toBe(0.5625);
    expect(gender('70m', 'intervene-7')).toBe(0.578125);
    expect(gender('70m', 'sweep')).toBe(0.571875);
    expect(gender('6.9b', 'intervene-7')).toBe(0.678125);
    expect(valueOf('pythia-1.4b-deduped', 'intervene-21', 143_000, 'netBias')).toBeCloseTo(0.0909, 4);
    expect(valueOf('pythia-1b', 'sweep', 143_000, 'pctStereotype')).toBeCloseTo(0.6011, 4);
    const rates = scores.filter(({ metric }) => /^(pctStereotype|accuracy)/.test(metric));
    expect(rates.every(({ value }) => value >= 0 && value <= 1)).toBe(true);
    for (const { source } of scores) expect(source).toMatch(/^https:\/\/github\.com\/EleutherAI\/pythia\/blob\/main\/evals\/\S+\.json$/);
  });

  it('are warned of: 125 files of the contaminated checkout, WinoBias of two harnesses, half precision', () => {
    const filesWith = (label: string) =>
      scores.filter(({ warnings }) => warnings.some((warning) => warning.label === label));
    const contaminated = filesWith('contaminated checkout');
    expect(new Set(contaminated.map(({ source }) => source)).size).toBe(125);
    // What tells them: differences of tens of nats where clean files have about three.
    const distances = (some: typeof scores) =>
      some.filter(({ metric }) => metric === 'likelihoodDiff.gender').map(({ value }) => value);
    expect(Math.min(...distances(contaminated))).toBeGreaterThan(20);
    const clean = filesWith('other harness').filter((score) => !contaminated.includes(score));
    expect(distances(clean)).toHaveLength(21);
    expect(Math.max(...distances(clean))).toBeLessThan(3.1);
    expect(new Set(filesWith('mixed harness').map(({ model }) => model.endsWith('-v0')))).toEqual(new Set([false]));
    expect(scores.filter(({ warnings }) => warnings.length === 0)).toEqual([]);
  });

  it('stand beside scores of the same model and step, and of what was published alone', () => {
    const place = { benchmark: REVISED_PAIRS, protocol: 'fp16-emulated', step: 143_000 };
    const beside = publishedBeside('pythia-410m-deduped', place);
    expect(beside.map(({ condition }) => condition)).toContain('sweep');
    expect(new Set(beside.map(({ metric }) => metric))).toEqual(
      new Set(['pctStereotype', 'likelihoodDiff', 'pctStereotype.gender', 'likelihoodDiff.gender']),
    );
    expect(beside.some(({ warnings }) => warnings.some(({ label }) => label === 'another set'))).toBe(false);
    expect(publishedBeside('pythia-410m-deduped', { ...place, benchmark: 'crows-pairs' })[0]?.warnings[0]?.label).toBe('another set');
    expect(publishedBeside('pythia-410m-deduped', { ...place, benchmark: 'lambada-openai' })).toHaveLength(4);
    expect(publishedBeside('pythia-410m-deduped', { ...place, benchmark: 'winobias', protocol: 'pythia-em' }).length).toBeGreaterThan(0);
    for (const nothing of [
      publishedBeside('pythia-410m-deduped', { ...place, step: 143_001 }),
      publishedBeside('pythia-410m-deduped', { ...place, protocol: 'shared-tokens' }),
      publishedBeside('pythia-410m-deduped', { ...place, benchmark: 'winobias', protocol: 'likelihood' }),
      publishedBeside('pythia-410m-deduped', { ...place, benchmark: 'own-crows-pairs' }),
      publishedBeside('nano-1m', { ...place, step: 1430 }),
    ]) {
      expect(nothing).toEqual([]);
    }
  });

  it('have the names that scores of the same answers have here', () => {
    const answers = ['What does p stand for', 'refers_to'].flatMap((template) =>
      [1, 2].map((type, index) => ({
        ...{ index, biasType: 'gender', logLikelihood: [], numTokens: [1, 1], template, type, stereotype: 'feminine' },
        exactMatch: [1, 0],
      })),
    );
    const ours = scoresOf(answers.map((item, index) => ({ ...item, index })));
    const published = new Set(scores.filter(({ benchmark }) => benchmark === 'winobias').map(({ metric }) => metric));
    expect(published.size).toBe(10);
    for (const metric of published) expect(Object.keys(ours)).toContain(metric);
    const place = { benchmark: 'winobias-conll', protocol: 'pythia-em', step: 143_000 };
    const both = { templates: ['refers_to', 'What does p stand for'], promptEdges: 'stripped', maxNew: 128 };
    const metrics = (settings: object) =>
      new Set(publishedBeside('pythia-410m-deduped', { ...place, settings: settings as typeof both }).map(({ metric }) => metric));
    expect(metrics(both)).toEqual(published);
    expect(metrics({ ...both, templates: ['refers_to'] }).has('netBias')).toBe(false); // that is over two templates
  });

  it.skipIf(!hasShared)('are figure by figure those of the collection, with their standard errors', () => {
    const rows = parse(readFileSync(sharedPath('docs/published-bias-scores.csv'), 'utf8'), { columns: true }) as Record<string, string>[];
    const inOne = (model: string, step: number, file: string, value: number, error: number | null) =>
      [model, step, file, value, error].join(' ');
    const theirs = rows.map((row) =>
      inOne(
        row['model']!.replace('-1b-bf16', '-1b'),
        Number(row['step']),
        row['source file']!.replace('EleutherAI/pythia:', ''),
        Number(row['value']),
        row['stderr'] === '' ? null : Number(row['stderr']),
      ),
    );
    const ours = scores.map(({ model, step, source, value, standardError }) =>
      inOne(model, step, source.replace('https://github.com/EleutherAI/pythia/blob/main/', ''), value, standardError),
    );
    expect(ours.sort()).toEqual(theirs.sort());
  });
});
