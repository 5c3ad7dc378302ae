// The tests of a finished job that repeat it elsewhere: its export for GPT-NeoX, read back by a reader that shares no code with the program. They are part of
// road.test.ts, whose job they use.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { NeoxManifest } from '../../jobs/neox/export.ts';
import { prepare } from '../../jobs/preparation.ts';
import { parseRecord, type JobRecord } from '../../jobs/record.ts';
import { verifyJob, type VerifyOptions } from '../../jobs/verify/verify.ts';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import { packagePath } from '../../src/package-root.ts';
import { tiresias } from '../cli/command.ts';
import type { TestService } from '../support/service.ts';

export interface RecordedStep {
  readonly arm: string;
  readonly step: number;
  readonly sha256_before: string;
  readonly sha256_after: string;
  readonly num_edits: number;
}

export interface FinishedJob {
  readonly service: TestService;
  readonly id: string;
  readonly steps: readonly RecordedStep[];
}

/** Registers the tests of the export. */
export function testExport(find: () => Promise<FinishedJob>): void {
  it('is exported for GPT-NeoX: an independent reader finds the batches that its trainers saw, hash for hash', async () => {
    const job = await find();
    await Promise.all(['intervention', 'control'].map((arm) => checkExport(job, arm)));
  });
}

async function checkExport({ service, id, steps }: FinishedJob, arm: string): Promise<void> {
  const recorded = steps.filter((step) => step.arm === arm);
  const to = join(service.home, `neox-${arm}`);
  const words = ['export', 'neox', id, '--arm', arm, '--to', to, '--micro-batch', '1', '--url', service.url];
  const outcome = await tiresias(words, { environment: { TIRESIAS_HOME: service.home } });
  expect(outcome).toMatchObject({ code: 0 });
  const numEdits = recorded.reduce((sum, step) => sum + step.num_edits, 0);
  const summary = { folder: to, numSteps: 4, numEdits, numStepsComparedWithTheJob: 4 };
  expect(JSON.parse(outcome.stdout)).toMatchObject(summary);

  const expected = recorded.map(({ step, sha256_after: sha256 }) => ({ step, sha256 }));
  for (const numGpus of arm === 'control' ? [2] : [1, 4]) expect(readAsNeox(to, numGpus)).toEqual(expected);
  const manifest = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as NeoxManifest;
  expect(manifest.steps.map(({ step, sha256Before, sha256After }) => [step, sha256Before, sha256After])).toEqual(
    recorded.map((row) => [row.step, row.sha256_before, row.sha256_after]),
  );
  checkFiles(to, manifest);
  checkStart(to);
}

interface VerifyReport {
  readonly basis: string;
  readonly findings: readonly { subject: string; verdict: string; arm?: string; step?: number }[];
}

/** Registers the tests of the verification. */
export function testVerification(find: () => Promise<FinishedJob>): void {
  it('is verified from its manifest alone, bit for bit, weights and moments included', async () => {
    const { service, id } = await find();
    const manifest = join(service.home, 'manifest.json');
    writeFileSync(manifest, JSON.stringify(await service.get(`/jobs/${id}/manifest`)));
    const words = ['verify', manifest, '--steps', '1', '--reach', '2', '--json'];
    const outcome = await tiresias(words, { environment: { TIRESIAS_HOME: service.home } });
    expect(outcome.stderr).toMatch(/training step 133[13]/);
    expect(outcome.code).toBe(0);
    const { basis, findings } = JSON.parse(outcome.stdout) as VerifyReport;
    expect(basis).toBe('bit for bit');
    expect(new Set(findings.map(({ verdict }) => verdict))).toEqual(new Set(['equal']));
    const told = (arm: string, subject: string) =>
      findings.filter((one) => one.arm === arm && one.subject === subject).map(({ step }) => step);
    for (const arm of ['control', 'intervention']) {
      // One step is drawn: one that leads from a kept checkpoint, or the start, to the next.
      const [drawn] = told(arm, 'rows after rewriting');
      expect([1331, 1333]).toContain(drawn);
      for (const subject of ['loss', 'gradient norm']) expect(told(arm, subject)).toEqual([drawn! - 1, drawn]);
      for (const subject of ['weights', 'moments']) expect(told(arm, subject)).toEqual([drawn! + 1]);
      expect(told(arm, 'checkpoint')).toEqual([1332, 1334]);
    }
  });

  it('fails a verification that names what was tampered with', async () => {
    const { service, id } = await find();
    const manifest = await service.get(`/jobs/${id}/manifest`);
    const record = () => parseRecord(structuredClone(manifest), 'the manifest');
    const preparation = await prepare(record().spec, record().plan, service.home);
    const differences = async (changed: JobRecord, changes: Partial<VerifyOptions> = {}, here = preparation) => {
      const options = { home: service.home, numSteps: 4, seed: 1, reach: 10, isRowsOnly: true, ...changes };
      const { findings } = await verifyJob(changed, here, options);
      return findings.filter(({ verdict }) => verdict === 'differs');
    };
    expect(await differences(record())).toEqual([]);

    const other = record();
    const { sha256After } = other.arms.intervention!.steps;
    const truth = sha256After[1];
    sha256After[1] = 'f'.repeat(64);
    const [rows, ...noMore] = await differences(other);
    expect(rows).toMatchObject({ arm: 'intervention', step: 1331, subject: 'rows after rewriting', found: truth });
    expect([rows?.expected, noMore]).toEqual([sha256After[1], []]);

    const otherRules = { ...record(), policy: { name: 'morph-v1', version: '0.9.0' } };
    expect(await differences(otherRules)).toMatchObject([{ subject: 'policy version', expected: 'morph-v1 0.9.0' }]);

    const prefix = join(service.home, 'other');
    for (const end of ['.bin', '.idx']) copyFileSync(`${preparation.dataset.prefix}${end}`, `${prefix}${end}`);
    const bytes = readFileSync(`${prefix}.bin`);
    bytes[2 * 129 * 16 * 1332]! ^= 1; // a token of the first row of step 1332
    writeFileSync(`${prefix}.bin`, bytes);
    const found = await differences(record(), {}, { ...preparation, dataset: { ...preparation.dataset, prefix } });
    expect(found.map(({ subject, arm, step }) => [subject, arm, step])).toEqual(
      expect.arrayContaining([
        ['rows before rewriting', 'control', 1332],
        ['rows after rewriting', 'intervention', 1332],
      ]),
    );
    expect(new Set(found.map(({ step }) => step))).toEqual(new Set([1332]));

    const weights = join(record().arms.control!.checkpoints[0]!.path, 'model.safetensors');
    const whole = readFileSync(weights);
    writeFileSync(
      weights,
      whole.map((byte, i) => (i === whole.length - 1 ? byte ^ 1 : byte)),
    );
    const damaged = await differences(record());
    expect(damaged).toMatchObject([{ subject: 'checkpoint', arm: 'control', step: 1332 }]);
    expect(damaged[0]?.words).toContain(weights);
    writeFileSync(weights, whole);
  });

  it('trains again as it was trained: another recorded loss is noticed, another machine is allowed for', async () => {
    const { service, id } = await find();
    const record = parseRecord(await service.get(`/jobs/${id}/manifest`), 'the manifest');
    const { control } = record.arms;
    const machine = { ...record.machine, cpu: 'another' };
    const changed = structuredClone({ ...record, arms: { control: control! }, machine });
    const { lossNats, gradientNorm } = changed.arms.control.steps;
    for (const i of lossNats.keys()) {
      lossNats[i]! *= 1 + 1e-6; // as another processor may sum
      gradientNorm[i]! *= 1.01;
    }
    const options = { home: service.home, numSteps: 1, seed: 1, reach: 2, isRowsOnly: false };
    const preparation = await prepare(record.spec, record.plan, service.home);
    const { basis, otherThanThen, findings } = await verifyJob(changed, preparation, options);
    expect([basis, otherThanThen.length]).toEqual(['within tolerance', 1]);
    expect(otherThanThen[0]).toMatch(/^processor: another then/);
    const verdicts = (subject: string) =>
      findings.filter((one) => one.subject === subject).map(({ verdict }) => verdict);
    expect(verdicts('loss')).toEqual(['within tolerance', 'within tolerance']);
    expect(verdicts('gradient norm')).toEqual(['differs', 'differs']);
    expect(verdicts('weights')).toEqual(['equal']);
    expect(findings).toContainEqual(expect.objectContaining({ arm: 'intervention', verdict: 'not checked' }));
  });
}

function readAsNeox(folder: string, numGpus: number): unknown[] {
  const reader = packagePath('test', 'support', 'read_neox.py');
  const lines = execFileSync('python3', [reader, folder, String(numGpus)], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

/** Every file is named with its hash, and nothing else is there. */
function checkFiles(folder: string, { files }: NeoxManifest): void {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  expect(paths.filter((path) => path !== 'manifest.json' && path !== 'SHA256SUMS').sort()).toEqual(
    Object.keys(files).sort(),
  );
  for (const [path, { sha256 }] of Object.entries(files))
    expect([path, sha256Of(readFileSync(join(folder, path)))]).toEqual([path, sha256]);
  execFileSync('sha256sum', ['--check', '--quiet', 'SHA256SUMS'], { cwd: folder });
  execFileSync('sh', ['-n', 'launch.sh'], { cwd: folder });
}

/** The checkpoint is the suite's at step 1330, with its moments, bit for bit. */
function checkStart(folder: string): void {
  const again = join(folder, 'again');
  const result = importCheckpoint(join(folder, 'checkpoint'), again);
  expect(result).toMatchObject({ state: { step: 1330, lrCount: 1330 }, weights: 'fp32 masters', hasOptimizer: true });
  const suite = packagePath('suite', 'nano', 'nano-1m-seed1', 'step1330');
  for (const name of ['model.safetensors', 'optimizer.safetensors']) {
    if (!existsSync(join(suite, name))) throw new Error(`${suite} has no ${name}`);
    expect(valuesOf(join(again, name))).toEqual(valuesOf(join(suite, name)));
  }
}

/** SHA-256 of every tensor's bytes, by name: files may order them as they like. */
function valuesOf(path: string): Record<string, string> {
  const bytes = readFileSync(path);
  const begin = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.toString('utf8', 8, begin)) as Record<string, { data_offsets?: [number, number] }>;
  const named = Object.entries(header).flatMap(([name, { data_offsets: place }]) =>
    place === undefined ? [] : [[name, sha256Of(bytes.subarray(begin + place[0], begin + place[1]))]],
  );
  return Object.fromEntries(named.sort()) as Record<string, string>;
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
