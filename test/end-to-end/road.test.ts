// The whole road once, tiny: a job on the nano suite over HTTP, through a real worker and its trainers, to scores, edits and a
// manifest, each checked against what the files and the items say.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { rewrite } from '../../augmentation/rewrite.ts';
import { openDataset, replayBatch } from '../../src/data/replay.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import type { Item } from '../../src/eval/metrics.ts';
import { rewriteBatch } from '../../src/intervention/batch.ts';
import { packagePath } from '../../src/package-root.ts';
import { describeDataset } from '../../src/suite/datasets.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { nanoSpec, startTestService, type JobAnswer, type TestService, type TestWorker } from '../support/service.ts';
import { testHandover } from './handed-over.ts';
import { testExport, testVerification } from './repeated.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // trainers start from sources on a machine that does other things

const NUM_ROWS = 4;
const STEPS = [1330, 1331, 1332, 1333];
const ARMS = ['control', 'intervention'] as const;

interface Figure {
  readonly arm: string;
  readonly step: number;
  readonly benchmark: string;
  readonly metric: string;
  readonly value: number;
  readonly standardError: number;
  readonly interval: [number, number] | null;
  readonly numItems: number;
  readonly pValue: number;
  readonly test: string;
}
interface ScoresAnswer {
  readonly scores: readonly Figure[];
  readonly effects: readonly Figure[];
  readonly fidelity: readonly Figure[];
  readonly labels: readonly { arm: string; benchmark: string; label: string; detail: string }[];
}

let service: TestService;
let worker: TestWorker;
beforeAll(async () => {
  service = await startTestService();
  worker = service.startWorker();
});
afterAll(async () => {
  await service.stop();
});

describe('a job of three arms over four steps', () => {
  let id: string;
  let job: JobAnswer;
  beforeAll(async () => {
    id = await service.submit(
      nanoSpec({
        training: { rowsPerStep: NUM_ROWS, checkpointEvery: 2 },
        evaluation: { benchmarks: ['nano-crows-pairs'], every: 2 },
      }),
    );
    job = await service.untilOver(id);
  });

  it('succeeds, and says that the suite has nothing to compare its end with', () => {
    expect(job).toMatchObject({ state: 'succeeded', reason: null, attempt: 1 });
    expect(job.message).toBe('the suite has no checkpoint at step 1334 here, so there is no published arm');
    expect(job.arms.map(({ arm, state, step }) => ({ arm, state, step })).sort(byArm)).toEqual(
      ARMS.map((arm) => ({ arm, state: 'succeeded', step: 1334 })),
    );
  });

  it('records every step once, with the hash of exactly those tokens that lie in the file', async () => {
    const steps = await readSteps(id);
    for (const arm of ARMS) expect(steps.filter((row) => row.arm === arm).map(({ step }) => step)).toEqual(STEPS);
    expect(steps).toHaveLength(2 * STEPS.length);
    for (const row of steps) {
      expect(row.sha256_before).toBe(sha256OfRows(row.step));
      expect(row.num_rows).toBe(NUM_ROWS);
      if (row.arm === 'control') {
        expect(row).toMatchObject({ sha256_after: row.sha256_before, num_edits: 0, num_rows_changed: 0 });
      } else {
        expect(row.sha256_after).not.toBe(row.sha256_before);
        expect(row.num_edits).toBeGreaterThan(0);
      }
    }
    const { arms } = await service.get<{ arms: Record<string, { step: number[]; lossNats: number[] }> }>(
      `/jobs/${id}/metrics`,
    );
    expect(arms['control']?.step).toEqual(STEPS);
    expect(arms['intervention']?.step).toEqual(STEPS);
    // Both arms start from the same weights; only the text differs.
    expect(arms['control']?.lossNats[0]).toBeGreaterThan(0.5);
    expect(arms['control']?.lossNats[0]).toBeLessThan(2);
    expect(arms['intervention']?.lossNats[0]).not.toBe(arms['control']?.lossNats[0]);
  });

  it('keeps a sample of edits, each of which the rewriter finds again in the text of the data', async () => {
    const dataset = openDataset(await describeDataset(service.home, 'nano-stories'));
    const tokenizer = readTokenizer(nanoTokenizerPath());
    const { edits, totals } = await service.get<{
      edits: Record<'rule' | 'before' | 'after' | 'contextBefore' | 'contextAfter', string>[] &
        Record<'step' | 'row' | 'sample', number>[];
      totals: { numEdits: number; numRows: number; byRule: Record<string, number> };
    }>(`/jobs/${id}/edits?arm=intervention&limit=500`);
    const steps = (await readSteps(id)).filter(({ arm }) => arm === 'intervention');
    expect(totals.numEdits).toBe(steps.reduce((sum, row) => sum + row.num_edits, 0));
    expect(totals.numRows).toBe(NUM_ROWS * STEPS.length);
    expect(Object.values(totals.byRule).reduce((sum, count) => sum + count, 0)).toBe(totals.numEdits);
    expect(edits).toHaveLength(8 * STEPS.length);
    for (const edit of edits) {
      expect(edit.sample).toBe(edit.step * 16 + edit.row);
      const documents = documentsOf(dataset.readSample(edit.sample), (ids) => tokenizer.decode(ids));
      const found = documents.flatMap((text) =>
        rewrite(text, { policy: 'morph-v1', direction: 'masculine-to-feminine' }).edits.map((again) => ({
          ...{ rule: again.rule, before: again.before, after: again.after },
          contextBefore: text.slice(Math.max(0, again.start - 40), again.start),
          contextAfter: text.slice(again.end, again.end + 40),
        })),
      );
      const { rule, before, after, contextBefore, contextAfter } = edit;
      expect(found).toContainEqual({ rule, before, after, contextBefore, contextAfter });
      expect(['he', 'him', 'his', 'himself']).toContain(before.toLowerCase());
      expect(['she', 'her', 'hers', 'herself']).toContain(after.toLowerCase());
    }
    // Rewriting the batch here, in another process and in another order, gives the hash that the trainer recorded.
    const intervention = {
      policy: 'morph-v1',
      direction: 'masculine-to-feminine',
      probability: 1,
      seed: 1234,
    } as const;
    for (const row of [...steps].reverse()) {
      const { proof } = rewriteBatch(replayBatch(dataset, row.step, NUM_ROWS), tokenizer, intervention);
      expect(proof).toMatchObject({ sha256After: row.sha256_after, numEdits: row.num_edits });
    }
    dataset.close();
  });

  it('gives scores that the items make up again, with n and an interval', async () => {
    const { scores, labels } = await service.get<ScoresAnswer>(`/jobs/${id}/scores`);
    const places = new Set(scores.map(({ arm, step, benchmark }) => `${arm} ${step} ${benchmark}`));
    expect(places.size).toBe(2 * 3 * 2); // arms, steps, and the perplexity of held-back text beside the benchmark
    for (const score of scores) {
      const values = valuesOf(await readItems(id, score), score.metric);
      const expected = score.metric === 'perplexity' ? Math.exp(mean(values)) : mean(values);
      expect(score.value).toBeCloseTo(expected, 10);
      expect(score.numItems).toBe(values.length);
      expect(score.interval?.[0]).toBeLessThan(score.value); // no rate here is 0; one may be 1
      expect(score.interval?.[1]).toBeGreaterThanOrEqual(score.value);
      if (score.metric.startsWith('pctStereotype')) {
        const [low, high] = wilson(values.filter((value) => value === 1).length, values.length);
        expect(score.interval?.[0]).toBeCloseTo(low, 10);
        expect(score.interval?.[1]).toBeCloseTo(high, 10);
      }
    }
    expect(scores.filter(({ metric }) => metric === 'pctStereotype').map(({ numItems }) => numItems)).toEqual(
      Array.from({ length: 6 }, () => 240),
    );
    expect(labels.filter(({ label }) => label === 'reduced batch').map(({ arm }) => arm)).toContain('intervention');
  });

  it('gives effects that a hand computation from the items confirms', async () => {
    const { effects, fidelity } = await service.get<ScoresAnswer>(`/jobs/${id}/scores`);
    expect(fidelity).toEqual([]);
    expect(new Set(effects.map(({ step }) => step))).toEqual(new Set([1330, 1332, 1334]));
    for (const effect of effects) {
      const [a, b] = [
        valuesOf(await readItems(id, { ...effect, arm: 'intervention' }), effect.metric),
        valuesOf(await readItems(id, { ...effect, arm: 'control' }), effect.metric),
      ];
      const differences = a.map((value, i) => value - b[i]!); // the same items
      const n = differences.length;
      const square = differences.reduce((sum, value) => sum + (value - mean(differences)) ** 2, 0);
      expect(effect.value).toBeCloseTo(mean(differences), 10);
      expect(effect.standardError).toBeCloseTo(Math.sqrt(square / (n - 1) / n), 10);
      expect(effect.numItems).toBe(n);
      if (effect.step === 1330) expect(effect).toMatchObject({ value: 0, pValue: 1 }); // before the first step
    }
    const final = effects.find(({ metric, step }) => metric === 'logOdds' && step === 1334);
    expect(final?.value).toBeLessThan(0); // masculine pronouns became feminine ones
    expect(final?.pValue).toBeLessThan(0.001); // of 10,000 draws
  });

  it('writes a manifest whose hashes are those of the files', async () => {
    const manifest = await service.get<{
      model: Record<'config' | 'tokenizer', FileEntry> & { start: FileEntry[]; published: unknown };
      dataset: { bin: FileEntry; idx: FileEntry };
      benchmarks: { name: string; sha256: string; isOfficial: boolean }[];
      plan: { from: number; to: number };
      policy: { name: string };
    }>(`/jobs/${id}/manifest`);
    const { model, dataset } = manifest;
    const files = [model.config, model.tokenizer, ...model.start, dataset.bin, dataset.idx];
    expect(files.map(({ path }) => path.split('/').at(-1))).toEqual(
      ['config.json', 'tokenizer.json', 'model.safetensors', 'optimizer.safetensors', 'state.json'].concat([
        'preshuffled.bin',
        'preshuffled.idx',
      ]),
    );
    for (const { path, sizeBytes, sha256 } of files) {
      const bytes = readFileSync(path);
      expect({ sizeBytes, sha256 }).toEqual({ sizeBytes: bytes.length, sha256: sha256Of(bytes) });
    }
    expect(model.published).toBeNull();
    const csv = readFileSync(packagePath('suite', 'nano', 'benchmarks', 'nano-crows-pairs.csv'));
    expect(manifest.benchmarks).toEqual([
      {
        name: 'nano-crows-pairs',
        kind: 'crows-pairs',
        sha256: sha256Of(csv),
        isOfficial: false,
        protocol: 'likelihood',
        settings: {},
      },
    ]);
    expect(manifest.plan).toMatchObject({ from: 1330, to: 1334 });
    expect(manifest.policy.name).toBe('morph-v1');
    expect(manifest).toMatchObject({ optimizer: { beta1: 0.9, beta2: 0.95, weightDecay: 0.1, clipNorm: 1 } });
  });

  it('leaves checkpoints whose files agree with their manifests, and nothing half-written', async () => {
    const { checkpoints } = await service.get<{
      checkpoints: { arm: string; step: number; path: string; manifestSha256: string; sizeBytes: number }[];
    }>(`/jobs/${id}/checkpoints`);
    expect(checkpoints.map(({ arm, step }) => `${arm} ${step}`)).toEqual(
      ARMS.flatMap((arm) => [1332, 1334].map((step) => `${arm} ${step}`)),
    );
    const weights = new Set<string>();
    for (const { path, manifestSha256, sizeBytes } of checkpoints) {
      const text = readFileSync(join(path, 'manifest.json'));
      expect(sha256Of(text)).toBe(manifestSha256);
      const { files } = JSON.parse(text.toString()) as { files: Record<string, { sha256: string }> };
      const contents = Object.keys(files).map((name) => readFileSync(join(path, name)));
      expect(Object.values(files).map(({ sha256 }) => sha256)).toEqual(contents.map(sha256Of));
      expect(contents.reduce((sum, bytes) => sum + bytes.length, 0)).toBe(sizeBytes);
      weights.add(files['model.safetensors']?.sha256 ?? '');
    }
    expect(weights.size).toBe(4);
    const onDisk = readdirSync(join(service.home, 'jobs', id), { recursive: true }).map(String);
    const folders = onDisk
      .filter((path) => /step-[^/]*$/.test(path))
      .map((path) => join(service.home, 'jobs', id, path));
    expect(folders.sort()).toEqual(checkpoints.map(({ path }) => path).sort());
  });

  const finished = async () => ({ service, id, steps: await readSteps(id) });
  testExport(finished);
  testHandover(finished);
  testVerification(finished);
});

/** One step of one row, nothing scored but held-back text. */
const shortest = { window: { steps: 1 }, training: { rowsPerStep: 1 }, evaluation: { benchmarks: [], atStart: false } };

describe('a window without a single pronoun edit', () => {
  it('fails and says what may be wrong', async () => {
    const intervention = { probability: 0 };
    const id = await service.submit(nanoSpec({ ...shortest, arms: ['intervention'], intervention }));
    const job = await service.untilOver(id);
    expect(job).toMatchObject({ state: 'failed', reason: 'no-edits' });
    expect(job.message).toMatch(/no pronoun was changed in steps 1330 to 1331.*expectNoEdits/);
  });

  it('succeeds where that was expected, with a label that nobody can overlook', async () => {
    const intervention = { probability: 0, expectNoEdits: true };
    const id = await service.submit(nanoSpec({ ...shortest, arms: ['control', 'intervention'], intervention }));
    expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded', message: 'no pronoun was changed' });
    const { labels, effects } = await service.get<ScoresAnswer>(`/jobs/${id}/scores`);
    expect(labels.filter(({ label }) => label === 'no pronoun was changed').map(({ arm }) => arm)).toEqual([
      'intervention',
    ]);
    expect(effects.map(({ value }) => value)).toEqual(effects.map(() => 0)); // two controls: the same bits
    expect(effects.length).toBeGreaterThan(0);
  });
});

describe('the placebo arm', () => {
  it('reads the same batches as the job says, with as many words changed and no pronoun among them', async () => {
    const training = { rowsPerStep: NUM_ROWS };
    const id = await service.submit(nanoSpec({ ...shortest, training, arms: ['placebo'] }));
    expect(await service.untilOver(id)).toMatchObject({ state: 'succeeded' });
    const [row] = await readSteps(id);
    const dataset = openDataset(await describeDataset(service.home, 'nano-stories'));
    const spec = { policy: 'placebo-v1', direction: 'masculine-to-feminine', probability: 1, seed: 1234 } as const;
    const { proof } = rewriteBatch(replayBatch(dataset, 1330, NUM_ROWS), readTokenizer(nanoTokenizerPath()), spec);
    expect(row).toMatchObject({ sha256_before: sha256OfRows(1330), sha256_after: proof.sha256After });
    expect(row?.num_edits).toBe(proof.numEdits);
    expect(proof.numEdits).toBeGreaterThan(0);
    const manifest = await service.get<{ placebo: { name: string; version: string } }>(`/jobs/${id}/manifest`);
    expect(manifest.placebo).toEqual({ name: 'placebo-v1', version: '1.0.0' });
  });
});

describe('cancelling in the middle', () => {
  it('ends the job as cancelled and leaves no trainer behind', async () => {
    const { evaluation } = shortest;
    const id = await service.submit(nanoSpec({ window: { to: 1430 }, training: { rowsPerStep: 2 }, evaluation }));
    await service.until(id, ({ arms }) => arms.filter(({ step }) => step > 1331).length === 2);
    expect(worker.trainers()).toHaveLength(2);
    expect(await service.post(`/jobs/${id}/cancel`, {})).toMatchObject({ status: 202, body: { state: 'cancelling' } });
    const job = await service.untilOver(id);
    expect(job).toMatchObject({ state: 'cancelled', reason: null });
    expect(job.arms.map(({ state }) => state)).toEqual(['cancelled', 'cancelled']);
    expect(Math.max(...job.arms.map(({ step }) => step))).toBeLessThan(1430);
    expect(worker.trainers()).toEqual([]);
    expect(await service.post(`/jobs/${id}/cancel`, {})).toMatchObject({ status: 409 });
  });
});

interface FileEntry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

interface StepRow {
  readonly arm: string;
  readonly step: number;
  readonly sha256_before: string;
  readonly sha256_after: string;
  readonly num_rows: number;
  readonly num_rows_changed: number;
  readonly num_edits: number;
}

async function readSteps(id: string): Promise<StepRow[]> {
  const sql = `SELECT run.arm, step.* FROM step JOIN run ON run.id = step.run_id WHERE run.job_id = $1
    ORDER BY run.arm, step.step`;
  return (await service.database.pool.query<StepRow>(sql, [id])).rows;
}

const known = new Map<string, Promise<Item[]>>();

function readItems(id: string, { arm, step, benchmark }: Pick<Figure, 'arm' | 'step' | 'benchmark'>): Promise<Item[]> {
  const query = new URLSearchParams({ arm, step: String(step), benchmark, protocol: 'likelihood' });
  const path = `/jobs/${id}/items?${query}`;
  const items = known.get(path) ?? service.get<{ items: Item[] }>(path).then((answer) => answer.items);
  known.set(path, items);
  return items;
}

// What each item contributes, written down again from the definitions of the benchmarks.
function valuesOf(items: readonly Item[], metric: string): number[] {
  const [name, part] = metric.split('.');
  return items.flatMap((item) => {
    const [first = NaN, second = NaN] = item.logLikelihood;
    if (name === 'lossNats' || name === 'perplexity') return [-first / (item.numTokens[0] ?? NaN)];
    if (part !== undefined && part !== item.biasType && part !== item['stereotype']) return [];
    const sign = item['stereotype'] === 'masculine' ? 1 : -1;
    const [more = NaN, less = NaN] = (item['pronounLogProb'] ?? []) as number[];
    if (name === 'pctStereotype') return [first > second ? 1 : 0];
    if (name === 'likelihoodDiff') return [Math.abs(first - second)];
    if (name === 'logOdds') return [sign * (more - less)];
    if (name === 'logOddsSentence') return item['isPronounOnly'] === true ? [sign * (first - second)] : [];
    throw new Error(`no definition of ${metric} here`);
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

// Wilson (1927): the rates p with |p − rate| = z·√(p(1 − p)/n), solved as a quadratic equation.
function wilson(successes: number, n: number): [number, number] {
  const z2 = 1.959963984540054 ** 2;
  const [a, b, c] = [n + z2, -(2 * successes + z2), successes ** 2 / n];
  const root = Math.sqrt(b * b - 4 * a * c);
  return [(-b - root) / (2 * a), (-b + root) / (2 * a)];
}

// Rows of 129 uint16 ids, 16 a step; the hash is of their little-endian int32.
function sha256OfRows(step: number): string {
  const bytes = readFileSync(join(service.home, 'suite', 'nano-data-seed1', 'preshuffled.bin'));
  const ids = Int32Array.from({ length: NUM_ROWS * 129 }, (_, i) => bytes.readUInt16LE(2 * (step * 16 * 129 + i)));
  return sha256Of(new Uint8Array(ids.buffer));
}

function documentsOf(tokens: Int32Array, decode: (ids: number[]) => string): string[] {
  const documents: number[][] = [[]];
  for (const id of tokens) {
    if (id === 0) documents.push([]);
    else documents.at(-1)?.push(id);
  }
  return documents.map(decode);
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function byArm(a: { arm: string }, b: { arm: string }): number {
  return a.arm < b.arm ? -1 : 1;
}
