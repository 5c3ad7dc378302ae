// The tests of a finished job that repeat it elsewhere: its export for GPT-NeoX, read back by a reader that shares no code with the program. They are part of
// road.test.ts, whose job they use.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { NeoxManifest } from '../../jobs/neox/export.ts';
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
  it.each(['intervention', 'control'] as const)(
    'is exported for GPT-NeoX: an independent reader finds the batches that the trainer of %s saw, hash for hash',
    async (arm) => {
      const { service, id, steps } = await find();
      const recorded = steps.filter((step) => step.arm === arm);
      const to = join(service.home, `neox-${arm}`);
      const words = ['export', 'neox', id, '--arm', arm, '--to', to, '--micro-batch', '1', '--url', service.url];
      const outcome = await tiresias(words, { environment: { TIRESIAS_HOME: service.home } });
      expect(outcome).toMatchObject({ code: 0 });
      const numEdits = recorded.reduce((sum, step) => sum + step.num_edits, 0);
      expect(JSON.parse(outcome.stdout)).toMatchObject({
        folder: to,
        numSteps: 4,
        numEdits,
        numStepsComparedWithTheJob: 4,
      });

      const expected = recorded.map(({ step, sha256_after: sha256 }) => ({ step, sha256 }));
      for (const numGpus of [1, 2, 4]) expect(readAsNeox(to, numGpus)).toEqual(expected);
      const manifest = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as NeoxManifest;
      expect(manifest.steps.map(({ step, sha256Before, sha256After }) => [step, sha256Before, sha256After])).toEqual(
        recorded.map((row) => [row.step, row.sha256_before, row.sha256_after]),
      );
      checkFiles(to, manifest);
      checkStart(to);
      rmSync(to, { recursive: true });
    },
  );
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
