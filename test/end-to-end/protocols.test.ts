// A job that scores by every protocol, some with settings, through a real worker: what is stored, shown and compared.
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ScoreChecks } from '../../src/api/score-check.ts';
import { scoreFindings } from '../../src/cli/score-findings.ts';
import { METRIC_ORDER, scoresOf, type Item } from '../../src/eval/metrics.ts';
import { scoringOf, settingsText, type ScoringSettings } from '../../src/job-spec.ts';
import { tiresias } from '../cli/command.ts';
import { nanoSpec, startTestService, type JobAnswer, type TestService } from '../support/service.ts';
import { SMALL_SCORINGS, writeSmallSets } from '../support/small-sets.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // trainers start from sources on a machine that does other things

interface Place {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
}
interface Row extends Place {
  readonly arm: string;
  readonly step: number;
  readonly metric: string;
  readonly value: number;
  readonly numItems: number;
}
interface Scores {
  readonly scores: readonly Row[];
  readonly effects: readonly Row[];
  readonly labels: readonly (Place & { arm: string; label: string })[];
}

const keyOf = ({ benchmark, protocol, settings }: Place) => `${benchmark} ${protocol} ${settingsText(settings)}`;
const wanted = SMALL_SCORINGS.map((entry) =>
  keyOf(scoringOf(typeof entry === 'string' ? entry : { ...entry, protocol: entry.protocol })),
);

let service: TestService;
let id: string;
let job: JobAnswer & { plan: { benchmarks: unknown; scoringCosts: unknown } };
let answer: Scores;
beforeAll(async () => {
  service = await startTestService();
  writeSmallSets(service.home);
  service.startWorker();
  id = await service.submit(
    nanoSpec({
      ...{ window: { steps: 1 }, arms: ['control', 'intervention'], training: { rowsPerStep: 1 } },
      intervention: { expectNoEdits: true },
      evaluation: { benchmarks: SMALL_SCORINGS, atStart: false },
    }),
  );
  job = (await service.untilOver(id)) as typeof job;
  answer = await service.get<Scores>(`/jobs/${id}/scores`);
});
afterAll(async () => {
  await service.stop();
});

async function itemsOf({ benchmark, protocol, settings }: Place, arm: string): Promise<Item[]> {
  const query = new URLSearchParams({ arm, step: '1331', benchmark, protocol, settings: settingsText(settings) });
  return (await service.get<{ items: Item[] }>(`/jobs/${id}/items?${query}`)).items;
}

describe('a job that names protocols', () => {
  it('succeeds, with a score of each and effects between the arms under the same settings', () => {
    expect(job).toMatchObject({ state: 'succeeded' });
    for (const arm of ['control', 'intervention']) {
      const found = new Set(answer.scores.filter((row) => row.arm === arm).map(keyOf));
      expect(found).toEqual(new Set([...wanted, 'held-back likelihood {}']));
    }
    expect(new Set(answer.effects.map(keyOf))).toEqual(new Set([...wanted, 'held-back likelihood {}']));
  });

  it('knows what each costs', () => {
    expect(job.plan.scoringCosts).toEqual([
      { numItems: 24, numTexts: 48, mostNewTokens: 0 }, // twelve pairs of either type
      { numItems: 48, numTexts: 48, mostNewTokens: 0 }, // both sentences of a pair, which have the same two texts
      ...Array.from({ length: 3 }, () => ({ numItems: 13, numTexts: 26, mostNewTokens: 0 })),
      { numItems: 8, numTexts: 16, mostNewTokens: 64 }, // two twins of either type in two templates, four tokens each
      { numItems: 4, numTexts: 8, mostNewTokens: 32 },
      { numItems: 3, numTexts: 3, mostNewTokens: 0 },
    ]);
  });

  it('stores every item, also of a protocol without likelihoods, and the scores are theirs', async () => {
    const places = new Map(answer.scores.map((row) => [keyOf(row), row]));
    for (const place of places.values()) {
      const items = await itemsOf(place, 'intervention');
      const again = scoresOf(items);
      const rows = answer.scores.filter((row) => row.arm === 'intervention' && keyOf(row) === keyOf(place));
      expect(Object.fromEntries(rows.map((row) => [row.metric, row.value]))).toEqual(
        Object.fromEntries(Object.entries(again).map(([metric, { value }]) => [metric, value])),
      );
      if (place.protocol === 'pythia-em') {
        expect(items.map(({ logLikelihood }) => logLikelihood)).toEqual(items.map(() => []));
        for (const item of items) expect(item['predictions']).toEqual([expect.any(String), expect.any(String)]);
      }
    }
  });

  it('has every score again, computed in SQL from the stored items', async () => {
    const { rows } = await service.database.pool.query<{ n: string }>(
      'SELECT count(*) AS n FROM evaluation, jsonb_object_keys(scores)',
    );
    const found = await service.get<ScoreChecks>(`/jobs/${id}/score-check`);
    expect(found).toMatchObject({ isEqual: true, tolerance: 1e-9, numChecked: Number(rows[0]?.n) });
    expect(found.checks.filter(({ isEqual }) => !isEqual)).toEqual([]);
    const metrics = new Set(found.checks.map(({ metric }) => metric.split('.', 1)[0]));
    expect([...metrics].sort()).toEqual(
      [
        ...['accuracy', 'choiceRate', 'choiceRateToken', 'likelihoodDiff', 'logOdds', 'logOddsSentence', 'lossNats'],
        ...['netBias', 'pctStereotype', 'perplexity', 'proRate', 'wordAccuracy', 'wordLossNats'],
      ].sort(),
    );
    expect(METRIC_ORDER.filter((metric) => !metrics.has(metric))).toEqual([]); // all that there are
  });

  it('tells a verification so, evaluation by evaluation', async () => {
    const findings = await scoreFindings(id, service.url);
    expect(findings).toHaveLength(2 * (wanted.length - 1) + 2); // two settings of one protocol together; held-back text
    expect(new Set(findings.map(({ verdict }) => verdict))).toEqual(new Set(['within tolerance']));
    expect(await scoreFindings('manifest.json', undefined)).toEqual([]); // no items, no server
  });

  it('is compared on a terminal, each protocol with its settings apart', async () => {
    const { code, stdout } = await tiresias(['compare', id, '--url', service.url]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^small-conll, pythia-em, maxNew 4, promptEdges as-rendered, templates what$/m);
    expect(stdout).toMatch(/^small-winobias, pronoun-choice$/m);
    expect(stdout).toMatch(/^choiceRate +1 +\d\.\d{4} \[/m);
    expect(stdout).toContain('Every p is for these two trained models.');
    expect(stdout).toMatch(/a reconstruction: /);
    expect(stdout).toMatch(/^nano-1m: for these two trained models: a claim about training needs more model seeds$/m);
  });

  it('tells a score that is not that of its items', async () => {
    const where = "WHERE benchmark = 'small-pairs' AND protocol = 'likelihood'";
    await service.database.pool.query(
      `UPDATE evaluation SET scores = jsonb_set(scores, '{pctStereotype,value}', '0.123') ${where}`,
    );
    const found = await service.get<ScoreChecks>(`/jobs/${id}/score-check?step=1331`);
    expect(found.isEqual).toBe(false);
    expect(found.checks.filter(({ isEqual }) => !isEqual).map(({ metric, stored }) => [metric, stored?.value])).toEqual(
      ['control', 'intervention'].map(() => ['pctStereotype', 0.123]),
    );
    const wrong = (await scoreFindings(id, service.url)).filter(({ verdict }) => verdict === 'differs');
    expect(wrong).toMatchObject([{ expected: '0.123 (n = 13)' }, { expected: '0.123 (n = 13)' }]);
  });

  it('asks for the settings where a protocol was scored with several', async () => {
    const query = 'arm=control&step=1331&benchmark=small-conll&protocol=pythia-em';
    const response = await fetch(`${service.url}/v1/jobs/${id}/items?${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('several settings');
  });

  it('labels the reconstruction wherever it was scored', () => {
    const labelled = answer.labels.filter(({ label }) => label === 'a reconstruction');
    expect(labelled.map(({ arm, protocol }) => `${arm} ${protocol}`).sort()).toEqual([
      'control pronoun-choice',
      'intervention pronoun-choice',
    ]);
  });

  it('has each in its manifest', async () => {
    const { benchmarks, model } = await service.get<{
      benchmarks: (Omit<Place, 'benchmark'> & { name: string })[];
      model: object;
    }>(`/jobs/${id}/manifest`);
    expect(model).toMatchObject({ name: 'nano-1m', family: 'nano-1m', seed: 1, trainedOn: 'nano-stories' });
    expect(benchmarks.map(({ name, ...how }) => keyOf({ benchmark: name, ...how }))).toEqual(wanted);
  });
});

describe('a protocol that does not fit', () => {
  it.each([
    [{ benchmark: 'small-pairs', protocol: 'pythia-em' }, '/evaluation/benchmarks/0', /likelihood or fp16-emulated/],
    [{ benchmark: 'small-winobias', protocol: 'pythia-em' }, '/evaluation/benchmarks/0', /winobias-conll/],
    ['small-conll', '/evaluation/benchmarks/0', /scored by the protocol pythia-em/],
    [{ benchmark: 'small-conll', protocol: 'pythia-em' }, '/evaluation/benchmarks/0', /no template "What does p/],
    [{ benchmark: 'small-pairs', maxNew: 3 }, '/evaluation/benchmarks/0/maxNew', /no such setting/],
    [{ benchmark: 'small-pairs', protocol: 'guess' }, '/evaluation/benchmarks', /one of "likelihood"/],
  ])('is refused with the place of the fault: %j', async (entry, pointer, words) => {
    const { status, body } = await service.post('/jobs', nanoSpec({ evaluation: { benchmarks: [entry as never] } }));
    expect(status).toBe(422);
    const { errors } = body as { errors: { pointer: string; detail: string }[] };
    expect(errors).toEqual([{ pointer, detail: expect.stringMatching(words) as string }]);
  });

  it('is refused a second time', async () => {
    const twice = ['small-pairs', { benchmark: 'small-pairs', protocol: 'likelihood' as const }];
    const { status, body } = await service.post('/jobs', nanoSpec({ evaluation: { benchmarks: twice } }));
    expect(status).toBe(422);
    expect((body as { errors: { pointer: string }[] }).errors[0]?.pointer).toBe('/evaluation/benchmarks/1');
  });
});
