import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makeManifest } from '../../jobs/manifest.ts';
import { prepare, type Preparation } from '../../jobs/preparation.ts';
import { DataError } from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';
import { startRangeServer } from '../data/range-server.ts';
import { probeNative } from '../../src/tensor/native.ts';
import { someSpec } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-manifest-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

const spec = someSpec({ dataset: 'nano-stories', backend: 'wasm' });
const prepared = prepare(spec, null, home);

interface Entry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}
interface Manifest {
  readonly model: { config: Entry; tokenizer: Entry; start: Entry[]; published: Entry[] | null };
  readonly dataset: { bin: Entry | Entry[]; idx: Entry; prefix: string };
  readonly [part: string]: unknown;
}

async function manifestOf(changes: Partial<Preparation> = {}): Promise<Manifest> {
  return (await makeManifest(spec, { ...(await prepared), ...changes })) as unknown as Manifest;
}

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('the manifest of a job', () => {
  it('names every file that its numbers depend on, with its hash', async () => {
    const { model, dataset } = await manifestOf();
    const files = [model.config, model.tokenizer, ...model.start, ...(model.published ?? []), dataset.bin, dataset.idx];
    expect(files.flat().map(({ path }) => basename(path))).toEqual([
      ...['config.json', 'tokenizer.json', 'model.safetensors', 'optimizer.safetensors', 'state.json'],
      ...['model.safetensors', 'state.json', 'preshuffled.bin', 'preshuffled.idx'],
    ]);
    for (const { path, sha256 } of files.flat()) expect(sha256).toBe(sha256Of(path));
  });

  it.skipIf(!probeNative().works)('names what multiplied where the native back end did', async () => {
    const { plan } = await prepared;
    expect((await manifestOf())['native']).toBeUndefined();
    const onNative = { ...plan, backend: { name: 'native', reason: 'for this test' } } as const;
    const { native } = await manifestOf({ plan: onNative });
    expect(native).toMatchObject({
      level: expect.stringMatching(/^avx(2|512)$/),
      oneDnn: expect.stringMatching(/^\d+\./),
    });
  });

  it('carries what was published of the model at the steps that are scored, each warning once', async () => {
    const { plan, model, scorings } = await prepared;
    const { published } = await manifestOf({
      model: { ...model, name: 'pythia-70m-deduped' },
      plan: { ...plan, evaluateAt: [142_000, 142_001] },
      scorings: scorings.slice(0, 1).map((one) => ({ ...one, benchmark: { ...one.benchmark, name: 'crows-pairs' } })),
    });
    const { rows, warnings } = published as { rows: { warnings: string[] }[]; warnings: Record<string, string> };
    expect(rows).toHaveLength(8); // four metrics of two conditions at the one step that has some
    expect(rows[0]).toMatchObject({
      ...{ model: 'pythia-70m-deduped', step: 142_000, benchmark: 'crows-pairs-revised', source: expect.any(String) },
      beside: { benchmark: 'crows-pairs', protocol: 'likelihood', settings: {} },
    });
    expect(Object.keys(warnings).sort()).toEqual([...new Set(rows.flatMap((row) => row.warnings))].sort());
    expect((await manifestOf())['published']).toEqual({ rows: [], warnings: {} });
  });

  it('is the same text when made again, and holds spec, plan, policy, software and machine', async () => {
    const manifest = await manifestOf();
    expect(JSON.stringify(await manifestOf())).toBe(JSON.stringify(manifest));
    const { plan } = await prepared;
    expect(manifest).toMatchObject({ format: 'tiresias-manifest-1', spec, plan });
    expect(manifest['policy']).toEqual({ name: 'morph-v1', version: expect.anything() });
    expect(manifest['software']).toMatchObject({
      node: process.versions.node,
      lockfileSha256: sha256Of(packagePath('package-lock.json')),
      packages: { '@tensorflow/tfjs-core': expect.stringMatching(/^\d/) },
    });
    expect(manifest['machine']).toMatchObject({ platform: process.platform, arch: process.arch });
  });

  it('takes weights in any of their forms', async () => {
    const { model } = await prepared;
    const folder = mkdtempSync(join(home, 'step1330-'));
    const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
    const others = ['model.safetensors.index.json', 'pytorch_model.bin'];
    for (const name of [...shards, ...others, 'README.md', 'modelling.py']) writeFileSync(join(folder, name), name);
    const checkpoints = new Map([[1330, folder]]);
    const { model: described } = await manifestOf({ model: { ...model, checkpoints } });
    expect(described.start.map(({ path }) => basename(path))).toEqual([...shards, ...others]);
    expect(described.start.map(({ sha256 }) => sha256)).toEqual(
      [...shards, ...others].map((name) => sha256Of(join(folder, name))),
    );
    expect(described.published).toBeNull();
  });

  it('takes a dataset in shards, of which only those that are needed may be here', async () => {
    const { dataset } = await prepared;
    const prefix = join(mkdtempSync(join(home, 'shards-')), 'rows');
    copyFileSync(`${dataset.prefix}.idx`, `${prefix}.idx`);
    for (const number of [18, 20]) writeFileSync(`${prefix}-000${number}-of-00020.bin`, `shard ${number}`);
    writeFileSync(`${prefix}-of-another-00000-of-00020.bin`, 'of another name');
    const { dataset: described } = await manifestOf({ dataset: { ...dataset, prefix } });
    expect(described.bin).toEqual(
      [18, 20].map((number) => {
        const path = `${prefix}-000${number}-of-00020.bin`;
        return { path, sizeBytes: 8, sha256: sha256Of(path) };
      }),
    );
  });

  it('tells the version of each file behind a URL, without what a query may hold', async () => {
    const { dataset } = await prepared;
    const server = await startRangeServer();
    try {
      const idx = readFileSync(`${dataset.prefix}.idx`);
      const bin = readFileSync(`${dataset.prefix}.bin`);
      const half = Math.ceil(bin.length / 2);
      server.files.set('/rows.idx', idx);
      server.files.set('/rows-00000-of-00001.bin', bin.subarray(0, half));
      server.files.set('/rows-00001-of-00001.bin', bin.subarray(half));
      const remote = { ...dataset, prefix: `${server.url}/rows?signature=secret`, shards: 1 };
      const access = { cacheFolder: mkdtempSync(join(home, 'cache-')) };
      const { dataset: described } = await manifestOf({ dataset: remote, access });
      const version = '"one"';
      expect(described).toMatchObject({
        prefix: `${server.url}/rows`,
        idx: { url: `${server.url}/rows.idx`, sizeBytes: idx.length, version },
        bin: [
          { url: `${server.url}/rows-00000-of-00001.bin`, sizeBytes: half, version },
          { url: `${server.url}/rows-00001-of-00001.bin`, sizeBytes: bin.length - half, version },
        ],
      });
      expect(JSON.stringify(described)).not.toContain('secret');
    } finally {
      await server.close();
    }
  });

  it('names the file that is gone, and does not hash one of hundreds of gigabytes', async () => {
    const { dataset } = await prepared;
    const prefix = join(mkdtempSync(join(home, 'large-')), 'rows');
    writeFileSync(`${prefix}.bin`, '');
    truncateSync(`${prefix}.bin`, 600e9); // a hole: it takes no room
    const gone = manifestOf({ dataset: { ...dataset, prefix } });
    await expect(gone).rejects.toThrow(DataError);
    await expect(gone).rejects.toThrow(`${prefix}.idx: expected a file`);
    copyFileSync(`${dataset.prefix}.idx`, `${prefix}.idx`);
    const { dataset: described } = await manifestOf({ dataset: { ...dataset, prefix } });
    const modifiedAt = statSync(`${prefix}.bin`).mtime.toISOString();
    expect(described.bin).toEqual({ path: `${prefix}.bin`, sizeBytes: 600e9, sha256: null, modifiedAt });
    renameSync(`${prefix}.bin`, `${prefix}.other`);
    await expect(manifestOf({ dataset: { ...dataset, prefix } })).rejects.toThrow(`${prefix}.bin: expected a file`);
  });
});
