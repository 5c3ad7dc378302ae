// `tiresias models pull` and `verify` as a user runs them, on a random model of pythia-14m's true shape behind a stand-in for the hub.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { findPythia } from '../../src/suite/pythia/models.ts';
import { startFakeHub, type FakeHub } from '../support/fake-hub.ts';
import { revisionFiles, weightsFile } from '../support/tiny-pythia.ts';
import { tiresias } from './command.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const model = findPythia('pythia-14m')!;
const TOKEN = 'hf_not-to-be-seen';
const scratch = mkdtempSync(join(tmpdir(), 'tiresias-pull-command-'));
const home = join(scratch, 'home');
const blobs = join(scratch, 'hf', 'hub', 'models--EleutherAI--pythia-14m', 'blobs');

let hub: FakeHub;
beforeAll(async () => {
  const [early, late] = [1, 2].map((seed) => revisionFiles(model, weightsFile(model.size, seed)));
  const revisions = { step1000: early!, step2000: late!, main: late!, step143000: late! };
  hub = await startFakeHub({ [model.repo]: { revisions, isGated: true } });
  hub.token = TOKEN;
});
afterAll(async () => {
  await hub.close();
  rmSync(scratch, { recursive: true });
});
beforeEach(() => {
  hub.onBody = () => undefined;
});

async function run(
  words: readonly string[],
  more: Record<string, string> = {},
  onStart?: (child: ChildProcess) => void,
) {
  const environment = {
    ...{ TIRESIAS_HOME: home, HF_ENDPOINT: hub.endpoint, HF_HOME: join(scratch, 'hf'), HF_TOKEN: TOKEN },
    ...{ HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '', HF_HUB_OFFLINE: '', ...more },
  };
  const outcome = await tiresias(['models', ...words], { environment, ...(onStart && { onStart }) });
  expect(outcome.stdout + outcome.stderr).not.toMatch(/hf_not|X-Signature/);
  return outcome;
}

describe('tiresias models pull', () => {
  const pull = ['pull', 'pythia-14m', '--checkpoint', 'step1000'];

  it('says what a gated repository wants', async () => {
    const { code, stdout, stderr } = await run(pull, { HF_TOKEN: '' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^tiresias: EleutherAI\/pythia-14m at step1000 .*is gated: .*set HF_TOKEN/);
  });

  it('stopped by SIGINT keeps what arrived, and goes on with it', async () => {
    hub.faults.push({ path: /model\.safetensors/, fault: { kind: 'cut', after: 5_000_000 } });
    let numBodies = 0;
    let child: ChildProcess | undefined;
    hub.onBody = async (path) => {
      // The two ranges of the file, and again the one that was cut: this one never comes.
      if (path !== 'model.safetensors' || ++numBodies < 3) return;
      child?.kill('SIGINT');
      await new Promise((resolve) => child?.once('exit', resolve));
    };
    const stopped = await run(pull, {}, (started) => (child = started));
    expect(stopped).toMatchObject({ code: 130, stdout: '' });
    expect(stopped.stderr).toContain('again in 1 s');
    expect(stopped.stderr).toContain('stopped; what has arrived is kept, and the same command goes on with it');
    expect(existsSync(join(home, 'models'))).toBe(false);
    const journal = readdirSync(blobs).find((name) => name.endsWith('.tiresias-partial.json'))!;
    const { done } = JSON.parse(readFileSync(join(blobs, journal), 'utf8')) as { done: number[] };
    expect(Math.min(...done)).toBeGreaterThan(0);

    hub.onBody = () => undefined;
    hub.requests.length = 0;
    const { code, stdout } = await run([...pull, '--json']);
    expect(code).toBe(0);
    const pulled = JSON.parse(stdout) as { folder: string };
    expect(pulled).toMatchObject({ model: 'pythia-14m', checkpoint: 'step1000', revision: 'step1000' });
    expect(readdirSync(pulled.folder).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    const ranges = hub.requests.filter(({ server }) => server === 'cdn').map(({ range }) => range);
    expect(ranges).not.toContain('bytes=0-33554431'); // some of it was here
    expect(readdirSync(blobs)).toHaveLength(3);
  });

  it('makes a model that is listed, and that verify finds to be what it is called', async () => {
    const listed = await run(['list']);
    expect(listed.stdout).toMatch(/^pythia-14m +pythia +14\.1 M +step1000 +143000$/m);
    const { code, stdout, stderr } = await run(['verify', 'pythia-14m']);
    expect(stdout).toMatch(/^ {2}tensors +ok +76, each of its shape/m);
    expect(stdout).toMatch(/^ {2}hub end +ok +other files than at the end of training$/m);
    expect(stderr).toContain('76/76 tensors, step1000');
    expect(code).toBe(0);
  });

  it('ends verify with 2 when a checkpoint is not the step of its name', async () => {
    const late = ['pull', 'pythia-14m', '--checkpoint', 'step2000'];
    const refused = await run(late);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('model.safetensors is the file of main');
    expect((await run([...late, '--force-bad-revision'])).code).toBe(0);
    const { code, stdout, stderr } = await run(['verify', 'pythia-14m', '--checkpoint', 'step2000', '--json']);
    expect(code).toBe(2);
    expect(stderr).toContain('tiresias: pythia-14m: not what it is called: step2000');
    const { checkpoints } = JSON.parse(stdout) as { checkpoints: { checks: { name: string; outcome: string }[] }[] };
    expect(checkpoints[0]?.checks).toContainEqual({
      ...{ name: 'hub end', outcome: 'fault' },
      detail: 'model.safetensors is the one of main, the end of training: this is not step 2000',
    });
  });

  it('works from the cache alone when it is told to', async () => {
    hub.requests.length = 0;
    const { code, stdout } = await run(pull, { HF_HUB_OFFLINE: '1' });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'pythia-14m step1000\n' });
    expect(hub.requests).toEqual([]);
  });

  it('refuses what the suite never had or knows to be bad', async () => {
    const bad = await run(['pull', 'pythia-2.8b', '--checkpoint', 'step1000']);
    expect(bad.code).toBe(2);
    expect(bad.stderr).toContain('EleutherAI/pythia#205');
    const unknown = await run(['pull', 'pythia-15m', '--checkpoint', 'step1000']);
    expect(unknown.stderr).toContain('`tiresias models list --all` names them');
  });
});
