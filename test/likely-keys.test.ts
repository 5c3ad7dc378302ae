// The keys that are made of an earlier job's manifest, against those that a worker makes of the job itself, and what makes an earlier job useless for it.
import { copyFileSync, cpSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { makeManifest } from '../jobs/manifest.ts';
import { prepare } from '../jobs/preparation.ts';
import { openCatalog } from '../src/catalog.ts';
import { jobSpecSchema, type JobSpec, type JobSpecInput } from '../src/job-spec.ts';
import type { LikelyKeys } from '../src/likely-keys.ts';
import { packagePath } from '../src/package-root.ts';
import { sharedKeys, type SharedKeys } from '../src/shared-keys.ts';
import type { EarlierJob } from '../src/store/shared-standing.ts';
import { registerModel } from '../src/suite/models.ts';
import { someSpec } from './support/jobs.ts';
import { sharedSuiteFolder } from './support/suite-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-likely-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
const catalog = openCatalog(home);

function specOf(changes: Partial<JobSpecInput> = {}): JobSpec {
  const window = { to: 1430 };
  return someSpec({ dataset: 'nano-stories', backend: 'wasm', window, training: { resume: 'burn-in' }, ...changes });
}

interface Made {
  readonly earlier: EarlierJob;
  readonly keys: SharedKeys;
}

/** What a worker makes of a job, as the database gives it back. */
async function madeBy(spec: JobSpec): Promise<Made> {
  const preparation = await prepare(spec, null, home);
  const manifest = await makeManifest(spec, preparation);
  const stored = JSON.parse(JSON.stringify({ spec, plan: preparation.plan, manifest })) as Omit<
    EarlierJob,
    'claimedAt'
  >;
  return { earlier: { ...stored, claimedAt: new Date() }, keys: sharedKeys(manifest, preparation) };
}

function likely(spec: JobSpec, ...earlier: EarlierJob[]): readonly LikelyKeys[] {
  const { work } = catalog.estimate(spec, 'wasm');
  return catalog.likelyKeys(spec, work, earlier);
}

/** The keys themselves, without what else stands beside them. */
function bare(keys: readonly LikelyKeys[]) {
  return keys.map(({ trained, published }) => ({ trained: [trained?.control, trained?.['burn-in']], published }));
}

function whole({ control, published, 'burn-in': burnIn }: SharedKeys) {
  return { trained: [control, burnIn], published };
}

const burnIn = { resume: 'burn-in' } as const;

describe('likely keys', () => {
  it('are those that a worker makes, whatever differs from the earlier job', async () => {
    const { earlier } = await madeBy(specOf());
    const cases: Partial<JobSpecInput>[] = [
      {},
      { intervention: { direction: 'swap', probability: 0.5 } },
      { arms: ['control', 'intervention', 'placebo'] },
      { window: { steps: 100 } },
      { evaluation: { benchmarks: ['nano-crows-pairs'], every: 7 } },
      { training: { ...burnIn, burnInSteps: 3 } },
      { training: { ...burnIn, microBatchSize: 2 } },
      { training: { ...burnIn, rowsPerStep: 4, gelu: 'erf', checkpointEvery: 9 } },
      { training: { resume: 'exact-state' } },
    ];
    for (const changes of cases) {
      const spec = specOf(changes);
      const { keys } = await madeBy(spec);
      expect([changes, ...bare(likely(spec, earlier))]).toEqual([changes, whole(keys)]);
    }
  });

  it('are known as far as the earlier job had the same checkpoints', async () => {
    const { earlier } = await madeBy(specOf());
    const shorter = specOf({ window: { steps: 4 } });
    const start = (await madeBy(shorter)).keys;
    expect(bare(likely(shorter, earlier))).toEqual([{ ...whole(start), published: undefined }]);
    const elsewhere = specOf({ checkpoint: 'step1130' });
    const { published } = (await madeBy(elsewhere)).keys;
    expect(bare(likely(elsewhere, earlier))).toEqual([{ trained: [undefined, undefined], published }]);
  });

  it('are not made of a fork, of another program, or of another corpus', async () => {
    const { earlier } = await madeBy(specOf());
    const manifest = earlier.manifest as { software: object; dataset: object };
    const changed = [
      { start: { step: 1330 } },
      { software: { ...manifest.software, programSha256: 'another' } },
      { dataset: { ...manifest.dataset, prefix: '/elsewhere' } },
      { dataset: { ...manifest.dataset, batchSize: 17 } },
    ].map((change) => ({ ...earlier, manifest: { ...manifest, ...change } }));
    expect(likely(specOf(), ...changed)).toEqual([]);
    expect(likely(specOf(), ...changed, earlier)).toHaveLength(1);
  });

  it('are not made of files that were touched since, though size and time are as they were', async () => {
    const folder = join(home, 'own');
    cpSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'step1330'), folder, { recursive: true });
    copyFileSync(packagePath('suite', 'nano', 'nano-1m-seed1', 'config.json'), join(folder, 'config.json'));
    const tokenizerPath = packagePath('suite', 'nano', 'tokenizer.json');
    registerModel(home, { name: 'own', step: 1330, folder, tokenizerPath, peakLearningRate: 1e-3 });
    const spec = jobSpecSchema.parse({
      ...specOf({ window: { steps: 4 }, evaluation: { benchmarks: [] } }),
      model: 'own',
    });
    const { earlier } = await madeBy(spec);
    expect(likely(spec, earlier)[0]?.trained).toBeDefined();
    await sleep(20); // a file system stamps by ticks
    const weights = join(folder, 'model.safetensors');
    const { size, mtime } = statSync(weights);
    copyFileSync(weights, join(home, 'others'));
    utimesSync(join(home, 'others'), mtime, mtime);
    renameSync(join(home, 'others'), weights);
    expect(statSync(weights)).toMatchObject({ size, mtime });
    expect(likely(spec, earlier)[0]?.trained).toBeUndefined();
  });
});
