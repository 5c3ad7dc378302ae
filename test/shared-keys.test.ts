// Which parts of a job have another key when one thing about it changes: every field of its spec, its plan and its manifest, one after the other.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeManifest } from '../jobs/manifest.ts';
import { prepare, type JobPlan, type Preparation } from '../jobs/preparation.ts';
import { afterBurnIn, SHARED_PARTS, sharedKeys, type SharedKeys, type SharedPart } from '../src/shared-keys.ts';
import type { JobSpecInput } from '../src/job-spec.ts';
import { probeNative } from '../src/tensor/native.ts';
import { someSpec } from './support/jobs.ts';
import { sharedSuiteFolder } from './support/suite-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-keys-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

type Manifest = Readonly<Record<string, unknown>>;

async function made(changes: Partial<JobSpecInput> = {}): Promise<{ manifest: Manifest; preparation: Preparation }> {
  const spec = someSpec({ dataset: 'nano-stories', backend: 'wasm', training: { resume: 'burn-in' }, ...changes });
  const preparation = await prepare(spec, null, home);
  return { manifest: await makeManifest(spec, preparation), preparation };
}

async function keysOf(changes: Partial<JobSpecInput> = {}): Promise<SharedKeys> {
  const { manifest, preparation } = await made(changes);
  return sharedKeys(manifest, preparation);
}

function changed(before: SharedKeys, after: SharedKeys): SharedPart[] {
  const keysIn = (keys: SharedKeys) => ({ ...keys, published: keys.published.map(({ key }) => key).join() });
  const [a, b] = [keysIn(before), keysIn(after)];
  return SHARED_PARTS.filter((part) => a[part] !== b[part]);
}

const ALL = [...SHARED_PARTS];
const TRAINED: SharedPart[] = ['control', 'burn-in'];
const SCORED: SharedPart[] = ['control', 'published'];

/** The same with one leaf another, for every leaf, by its path. */
function* variants(value: unknown, path: readonly string[] = []): Generator<{ path: string; changed: unknown }> {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) {
    yield { path: path.join('.'), changed: otherThan(value) };
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    for (const { path: place, changed } of variants(inner, [...path, name])) {
      const other: unknown = Array.isArray(value)
        ? value.map((one: unknown, i) => (String(i) === name ? changed : one))
        : { ...value, [name]: changed };
      yield { path: place, changed: other };
    }
  }
}

function otherThan(value: unknown): unknown {
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  return typeof value === 'string' ? `${value}, another` : 'another';
}

describe('the keys of what jobs share', () => {
  it('follow each field of the plan, of which none is new', async () => {
    const { manifest, preparation } = await made();
    const { recompute = 'none', scoringCosts = [], ...rest } = preparation.plan;
    const plan: Required<JobPlan> = { ...rest, recompute, scoringCosts };
    const table: Record<keyof JobPlan, SharedPart[]> = {
      ...{ from: TRAINED, to: SCORED, batchSize: TRAINED, rowsPerStep: TRAINED, seqLength: TRAINED },
      ...{ microBatchSize: TRAINED, recompute: TRAINED, resume: TRAINED, burnInSteps: TRAINED, precision: TRAINED },
      ...{ gelu: TRAINED, rope: TRAINED, adamStep: ['control'], lossScale: ['control'], badSteps: TRAINED },
      ...{ schedule: TRAINED, evaluateAt: ['control'], saveAt: ['control'], keepCheckpoints: ['control'] },
      // What is scored is in the manifest, too, with its hash.
      ...{ benchmarks: ['control'], hasPublishedEnd: [], backend: ALL, scoringCosts: [] },
    };
    expect(Object.keys(plan).sort()).toEqual(Object.keys(table).sort());
    const before = sharedKeys(manifest, { ...preparation, plan });
    for (const { path, changed: other } of variants(plan)) {
      const field = path.split('.')[0] as keyof JobPlan; // the table has them all
      const expected = path === 'backend.reason' ? [] : table[field];
      const after = sharedKeys(manifest, { ...preparation, plan: other as JobPlan });
      expect([path, changed(before, after)]).toEqual([path, expected]);
    }
  });

  it('follow each entry of the manifest, of which none is new', async () => {
    const { manifest: plain, preparation } = await made({ arms: ['published', 'control', 'intervention', 'placebo'] });
    const start = { job: 'a', arm: 'control', step: 7, path: '/there', manifestSha256: 'b' };
    const manifest: Manifest = { ...plain, start, native: { level: 'avx2', numThreads: 2 } };
    const table: [RegExp, SharedPart[]][] = [
      [/^(spec|plan|policy|placebo|published)\./, []],
      [/^model\.(name|family|seed|trainedOn)$/, []],
      [/^(model|dataset)\..*\bpath$/, []],
      [/^dataset\.prefix$/, []],
      [/^start\.(job|arm|path)$/, []],
      [/^(format|model\.(config|tokenizer)\..*|dataset\..*)$/, ALL],
      [/^(model\.start|optimizer|start)\./, TRAINED],
      [/^model\.published\./, ['published']],
      [/^benchmarks\./, SCORED],
      [/^(software|machine|native)\./, ALL],
    ];
    const before = sharedKeys(manifest, preparation);
    const seen = new Set<RegExp>();
    for (const { path, changed: other } of variants(manifest)) {
      const [pattern, expected] = table.find(([one]) => one.test(path)) ?? [/./, 'no line of the table'];
      seen.add(pattern);
      expect([path, changed(before, sharedKeys(other as Manifest, preparation))]).toEqual([path, expected]);
    }
    expect(seen.size).toBe(table.length);
    // Of files that are too large to be hashed, the place counts.
    const unhashed = (path: string) => ({ ...manifest, dataset: { bin: { path, sizeBytes: 1, sha256: null } } });
    expect(changed(sharedKeys(unhashed('/a'), preparation), sharedKeys(unhashed('/b'), preparation))).toEqual(ALL);
    const heldBack = { from: 0, to: 1 };
    expect(changed(before, sharedKeys(manifest, { ...preparation, heldBack }))).toEqual(SCORED);
  });

  it.skipIf(!probeNative().works)(
    'follow the threads of the native back end, on whose number its sums depend',
    async () => {
      const { manifest } = await made({ backend: 'native' });
      expect(manifest['native']).toMatchObject({ numThreads: expect.any(Number) as number });
    },
  );

  it('are one of each scoring, whatever else a job scores and, but for the samples held back, on which dataset it is', async () => {
    const scored = async (benchmarks: NonNullable<JobSpecInput['evaluation']>['benchmarks']) =>
      new Map((await keysOf({ evaluation: { benchmarks } })).published.map((one) => [nameOf(one), one.key]));
    const nameOf = ({ benchmark, protocol }: { benchmark: string; protocol: string }) => `${benchmark} ${protocol}`;
    const [pairs, held] = ['nano-crows-pairs likelihood', 'held-back likelihood'];
    const fp16 = { benchmark: 'nano-crows-pairs', protocol: 'fp16-emulated' } as const;
    const [one, several] = [
      await scored(['nano-crows-pairs']),
      await scored(['nano-winobias', fp16, 'nano-crows-pairs']),
    ];
    expect([...one.keys()]).toEqual([pairs, held]);
    expect([...several.keys()]).toEqual(['nano-winobias likelihood', 'nano-crows-pairs fp16-emulated', pairs, held]);
    expect([several.get(pairs), several.get(held)]).toEqual([one.get(pairs), one.get(held)]);
    expect(new Set(several.values()).size).toBe(4);
    const { manifest, preparation } = await made({ evaluation: { benchmarks: ['nano-crows-pairs'] } });
    const elsewhere = { ...manifest, dataset: { ...(manifest['dataset'] as object), seqLength: 7 } };
    const [own, other] = [manifest, elsewhere].map((one) => sharedKeys(one, preparation).published);
    expect(other?.map(({ key }, i) => key === own?.[i]?.key)).toEqual([true, false]);
  });

  it('follow the burn-in that a control starts from', async () => {
    const keys = await keysOf();
    expect(changed(afterBurnIn(keys, 'a'), afterBurnIn(keys, 'b'))).toEqual(['control']);
    expect(afterBurnIn(keys, undefined)).toEqual(keys);
  });

  it('follow each field of the spec as the plan resolves it, and never the intervention', async () => {
    const before = await keysOf();
    const burnIn = { resume: 'burn-in' } as const;
    const training = (fields: NonNullable<JobSpecInput['training']>) => ({ training: { ...burnIn, ...fields } });
    const table: [string, Partial<JobSpecInput>, SharedPart[]][] = [
      ['name', { name: 'another' }, []],
      ['priority', { priority: 3 }, []],
      ['tags', { tags: ['some'] }, []],
      ['arms', { arms: ['control'] }, []],
      ['checkpoint', { checkpoint: 'step1130' }, TRAINED],
      ['window.to', { window: { to: 1420 } }, SCORED],
      ['intervention.direction', { intervention: { direction: 'swap' } }, []],
      ['intervention.policy', { intervention: { policy: 'neutral-v1', direction: 'neutral' } }, []],
      ['intervention.probability', { intervention: { probability: 0.5 } }, []],
      ['intervention.per', { intervention: { per: 'occurrence' } }, []],
      ['intervention.wordPairs', { intervention: { wordPairs: ['names'] } }, []],
      ['intervention.seed', { intervention: { seed: 5 } }, []],
      ['intervention.expectNoEdits', { intervention: { expectNoEdits: true } }, []],
      ['training.resume', { training: { resume: 'exact-state' } }, TRAINED],
      ['training.burnInSteps', training({ burnInSteps: 3 }), TRAINED],
      ['training.microBatchSize', training({ microBatchSize: 1 }), TRAINED],
      ['training.recompute', training({ recompute: 'layers' }), TRAINED],
      ['training.rowsPerStep', training({ rowsPerStep: 3 }), TRAINED],
      ['training.gelu', training({ gelu: 'erf' }), TRAINED],
      ['training.rope', training({ rope: 'fp32-angles' }), TRAINED],
      ['training.adamStep', training({ adamStep: 'zero-restart' }), ['control']],
      ['training.lossScale', training({ lossScale: 'emulated' }), ['control']],
      ['training.badSteps', training({ badSteps: 'skip' }), TRAINED],
      ['training.checkpointEvery', training({ checkpointEvery: 7 }), ['control']],
      ['training.keepCheckpoints', training({ keepCheckpoints: 3 }), ['control']],
      ['training.slots', training({ slots: 4 }), []],
      ['training.shareArms', training({ shareArms: false }), []],
      ['evaluation.benchmarks', { evaluation: { benchmarks: ['nano-crows-pairs'] } }, SCORED],
      ['evaluation.every', { evaluation: { every: 3 } }, ['control']],
      ['evaluation.atStart', { evaluation: { atStart: false } }, ['control']],
      ['backend', { backend: 'cpu' }, ALL],
    ];
    for (const [field, changes, expected] of table) {
      expect([field, changed(before, await keysOf(changes))]).toEqual([field, expected]);
    }
    const fields = Object.entries(someSpec({ name: 'a' })).flatMap(([name, value]) =>
      typeof value === 'object' && !Array.isArray(value) ? Object.keys(value).map((inner) => `${name}.${inner}`) : name,
    );
    // Known by the hashes of their files, as the precision is by the plan; of another engine nothing is shared.
    const elsewhere = ['model', 'dataset', 'training.precision', 'training.engine'];
    expect([...fields, 'window.to'].sort()).toEqual([...table.map(([field]) => field), ...elsewhere].sort());
  });
});
