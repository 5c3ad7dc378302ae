// Trial: a job that GPT-NeoX trains waits, is exported, takes in what comes back and is scored as itself, and a job trained here is verified. What "comes back" is
// the suite's own checkpoint at the window's end in GPT-NeoX's form: its scores must be those of the published arm, item for item.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NeoxManifest } from '../../jobs/neox/export.ts';
import { exportCheckpoint } from '../../src/checkpoint/export.ts';
import { startService } from '../../src/cli/up.ts';
import { packagePath } from '../../src/package-root.ts';
import { homeFolder } from '../../src/settings.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { tiresias } from '../../test/cli/command.ts';
import { expectTrue } from './expect.ts';
import { get, getItems, getScores, NANO_WINDOW, nanoSpec, submit, waitForEnd } from './nano-job.ts';

const ARMS = ['control', 'intervention'] as const;
const suite = packagePath('suite', 'nano', 'nano-1m-seed1');

export async function outside(): Promise<void> {
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error');
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-outside-'));
  try {
    await trainedOutside(service.url, folder);
    await verified(service.url);
  } finally {
    rmSync(folder, { recursive: true });
    await service.stop();
  }
}

async function trainedOutside(url: string, folder: string): Promise<void> {
  const training = { engine: 'gpt-neox' } as const;
  const id = await submit(url, nanoSpec({ name: 'acceptance: trained by GPT-NeoX', training }));
  await untilPaused(url, id);
  for (const arm of ARMS) {
    const to = join(folder, arm);
    await run(url, 'export', 'neox', id, '--arm', arm, '--to', to, '--micro-batch', '1');
    const { steps } = JSON.parse(readFileSync(join(to, 'manifest.json'), 'utf8')) as NeoxManifest;
    const expected = steps.map(({ step, sha256After: sha256 }) => ({ step, sha256 }));
    for (const numGpus of [1, 4, 16]) {
      const read = readAsNeox(to, numGpus);
      expectTrue(`${arm}: ${read.length} steps read on ${numGpus} GPUs, hash for hash`, same(read, expected));
    }
    // Stands in for GPT-NeoX.
    const schedule = { peak: 1e-3, floor: 1e-4, totalSteps: 1430, warmupSteps: 14.3 };
    await exportCheckpoint(join(suite, 'step1430'), join(to, 'trained'), {
      ...{ format: 'neox', precision: 'fp16', configPath: join(suite, 'config.json'), tokenizer: nanoTokenizerPath() },
      training: { schedule, moments: null, vocabDivisor: 128 },
    });
    await run(url, 'import', 'neox', id, '--arm', arm, '--from', join(to, 'trained'));
  }
  const job = await waitForEnd(url, id);
  expectTrue(`succeeded: ${job.message ?? ''}`, job.state === 'succeeded');
  const published = await getItems(url, id, 'published', NANO_WINDOW.to);
  for (const arm of ARMS)
    expectTrue(`${arm}: the published arm's items`, same(await getItems(url, id, arm, NANO_WINDOW.to), published));
  const { labels } = await getScores(url, id);
  const labelled = labels.filter(({ label }) => label === 'trained by GPT-NeoX').map(({ arm }) => arm ?? '');
  expectTrue(
    'labelled "trained by GPT-NeoX"',
    ARMS.every((arm) => labelled.includes(arm)),
  );
}

async function verified(url: string): Promise<void> {
  const window = { to: NANO_WINDOW.from + 20 };
  const evaluation = { benchmarks: [], every: 20, atStart: false };
  const training = { checkpointEvery: 5 };
  const id = await submit(url, nanoSpec({ name: 'acceptance: verified', window, training, evaluation }));
  await waitForEnd(url, id);
  const words = await run(url, 'verify', id, '--steps', '6');
  console.log(words.trimEnd());
  expectTrue('nothing differs', / 0 differs/.test(words) && /: compared bit for bit/.test(words));
}

async function untilPaused(url: string, id: string): Promise<void> {
  for (let state = ''; state !== 'paused';) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    ({ state } = await get<{ state: string }>(`${url}/v1/jobs/${id}`));
    if (['failed', 'cancelled', 'succeeded'].includes(state)) throw new Error(`the job ${state} instead of waiting`);
  }
}

async function run(url: string, ...words: string[]): Promise<string> {
  const outcome = await tiresias([...words, '--url', url], { environment: { TIRESIAS_HOME: homeFolder() } });
  if (outcome.code === 0) return outcome.stdout;
  throw new Error(`tiresias ${words.join(' ')} ended with ${outcome.code}: ${outcome.stderr}${outcome.stdout}`);
}

function readAsNeox(folder: string, numGpus: number): unknown[] {
  const reader = packagePath('test', 'support', 'read_neox.py');
  const lines = execFileSync('python3', [reader, folder, String(numGpus)], { encoding: 'utf8' })
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
