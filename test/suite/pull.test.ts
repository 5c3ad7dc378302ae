// From a hub's repository to a model that a job can name, against a real HTTP server.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openCatalog } from '../../src/catalog.ts';
import { NotFoundError } from '../../src/errors.ts';
import { jobSpecSchema } from '../../src/job-spec.ts';
import type { HubClient } from '../../src/suite/hub/request.ts';
import { findModel } from '../../src/suite/models.ts';
import { pullModel, type PullOptions } from '../../src/suite/pull.ts';
import type { PythiaModel } from '../../src/suite/pythia/models.ts';
import { commitOf, hubClient, sha256Of, startFakeHub, type FakeHub } from '../support/fake-hub.ts';
import { configFile, revisionFiles, tiny, weightsFile, without } from '../support/tiny-pythia.ts';

const model = tiny('pythia-14m');
const REPO = model.repo;
const weights = [0, 1, 2, 3].map((seed) => weightsFile(model.size, seed));

let hub: FakeHub;
let home: string;
let notices: string[];
beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(async () => {
  await hub.close();
});
beforeEach(() => {
  if (home !== undefined) rmSync(home, { recursive: true });
  home = mkdtempSync(join(tmpdir(), 'tiresias-pull-'));
  notices = [];
  hub.requests.length = 0;
  hub.repos[REPO] = { revisions: { step1000: folder(0), step2000: folder(1), step143000: folder(2), main: folder(2) } };
});
afterAll(() => rmSync(home, { recursive: true }));

const folder = (seed: number, more: Record<string, Buffer> = {}) => revisionFiles(model, weights[seed]!, more);

function client(change: Partial<HubClient['access']> = {}): HubClient {
  return hubClient(hub, { cacheFolder: join(home, 'cache'), ...change });
}

/** The repository with one revision beside the end. */
function serve(step1000: Record<string, Buffer>): void {
  hub.repos[REPO] = { revisions: { step1000, main: folder(3) } };
}

function pull(step: number, more: Partial<PullOptions> = {}, own = client(), what: PythiaModel = model) {
  const onNotice = (words: string) => void notices.push(words);
  return pullModel(home, own, what, step, { isForced: false, onProgress: () => undefined, onNotice, ...more });
}

function faultsOf(checkpoint: string) {
  const spec = jobSpecSchema.parse({ model: model.name, checkpoint, dataset: 'nano-stories', window: { steps: 1 } });
  const { arms } = spec;
  const faults = openCatalog(home).checkSpec({ ...spec, arms });
  return faults.filter(({ pointer }) => ['/model', '/checkpoint'].includes(pointer));
}

const blobs = () => readdirSync(join(home, 'cache', `models--${REPO.replace('/', '--')}`, 'blobs')).sort();

describe('pull', () => {
  it('fetches what is needed into the shared cache, and a job can name it', async () => {
    expect(faultsOf('step1000')).toHaveLength(1);
    const pulled = await pull(1000);
    const repo = join(home, 'cache', 'models--EleutherAI--pythia-14m');
    expect(pulled).toMatchObject({ revision: 'step1000', folder: join(repo, 'snapshots', pulled.commit) });
    expect(readdirSync(pulled.folder).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(readFileSync(join(repo, 'refs', 'step1000'), 'utf8')).toBe(pulled.commit);
    const link = join(pulled.folder, 'model.safetensors');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(basename(realpathSync(link))).toBe(sha256Of(weights[0]!));
    expect(faultsOf('step1000')).toEqual([]);
    expect(findModel(home, model.name)).toMatchObject({ schedule: { peak: 1e-3, floor: 1e-4 }, endStep: 143_000 });
  });

  it('fetches nothing twice, but checks what is there', async () => {
    await pull(1000);
    const numBlobs = blobs().length;
    hub.requests.length = 0;
    await pull(2000);
    expect(blobs()).toHaveLength(numBlobs + 1); // config and tokenizer are shared
    await pull(1000);
    expect(hub.requests.filter(({ url }) => url.includes('/resolve/') && !url.includes('model.safe'))).toEqual([]);
    expect(faultsOf('step2000')).toEqual([]);
    const blob = join(home, 'cache', 'models--EleutherAI--pythia-14m', 'blobs', sha256Of(weights[0]!));
    writeFileSync(blob, weights[1]!);
    await expect(pull(1000)).rejects.toThrow(/expected the hash .* remove it and pull again/);
  });

  it('uses a cache that another tool filled, offline and without a hub', async () => {
    const repo = join(home, 'cache', 'models--EleutherAI--pythia-14m');
    const commit = commitOf(folder(0));
    mkdirSync(join(repo, 'refs'), { recursive: true });
    mkdirSync(join(repo, 'blobs'));
    mkdirSync(join(repo, 'snapshots', commit), { recursive: true });
    writeFileSync(join(repo, 'refs', 'step1000'), commit);
    for (const [name, bytes] of Object.entries(folder(0))) {
      writeFileSync(join(repo, 'blobs', sha256Of(bytes)), bytes);
      symlinkSync(join('..', '..', 'blobs', sha256Of(bytes)), join(repo, 'snapshots', commit, name));
    }
    const offline = client({ endpoint: 'http://127.0.0.1:1', isOffline: true });
    expect(await pull(1000, {}, offline)).toMatchObject({ commit, folder: join(repo, 'snapshots', commit) });
    expect(faultsOf('step1000')).toEqual([]);
    await expect(pull(2000, {}, offline)).rejects.toThrow(/offline .*the cache holds no step2000 of EleutherAI\/pythia-14m/);
    await expect(pull(1000, { to: join(home, 'x') }, offline)).rejects.toThrow(/leave --to away/);
    expect(hub.requests).toEqual([]);
  });

  it('fills a new folder, whole or not at all, and goes on with a half one', async () => {
    const to = join(home, 'models', 'mine');
    for (let i = 0; i < 10; i++) hub.faults.push({ path: /model\.safetensors/, fault: { kind: 'cut', after: 1_000_000 } });
    hub.faults.push({ path: /^never$/, fault: { kind: 'cut', after: 0 } });
    const stopped = new AbortController();
    hub.onBody = (path) => {
      if (path === 'model.safetensors') stopped.abort();
    };
    await expect(pull(1000, { to }, { ...client(), signal: stopped.signal })).rejects.toThrow();
    hub.onBody = () => undefined;
    expect(existsSync(to)).toBe(false);
    expect(existsSync(join(home, 'models', 'pythia-14m.json'))).toBe(false);
    await pull(1000, { to });
    expect(readdirSync(to).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
    expect(existsSync(`${to}.pulling`)).toBe(false);
    await expect(pull(1000, { to })).rejects.toThrow(/expected a folder that is not there yet/);
  });

  it('takes the tokenizer of main where a revision has none, and says so', async () => {
    serve(without(folder(0), 'tokenizer.json'));
    await pull(1000);
    expect(notices).toEqual(['EleutherAI/pythia-14m at step1000 has no tokenizer.json: that of main is taken']);
    expect(readFileSync(findModel(home, model.name).tokenizerPath).equals(folder(2)['tokenizer.json'])).toBe(true);
  });

  it('prefers one form of the weights, and wants every shard that an index names', async () => {
    const shards = { 'model-00001-of-00002.safetensors': weights[0]!, 'model-00002-of-00002.safetensors': weights[1]! };
    const index = (names: string[]) =>
      Buffer.from(JSON.stringify({ weight_map: Object.fromEntries(names.map((name, i) => [`t${i}`, name])) }));
    const rest = without(folder(0, { 'pytorch_model.bin': weights[2]! }), 'model.safetensors');
    const sharded = { ...rest, ...shards, 'model.safetensors.index.json': index(Object.keys(shards)) };
    serve(sharded);
    const { folder: pulled } = await pull(1000);
    expect(readdirSync(pulled)).toHaveLength(5);
    expect(readdirSync(pulled)).not.toContain('pytorch_model.bin');
    const lacking = { ...sharded, 'model.safetensors.index.json': index(['model-00003-of-00003.safetensors']) };
    serve(lacking);
    await expect(pull(1000)).rejects.toThrow(/names model-00003-of-00003\.safetensors, which is not there/);
    serve(rest);
    await expect(pull(1000)).resolves.toBeDefined(); // pytorch_model.bin alone
    serve({ 'config.json': configFile(model.size) });
    await expect(pull(1000)).rejects.toThrow(/at step1000 holds no weights/);
  });

  it('refuses another size before it fetches the weights', async () => {
    serve(folder(0, { 'config.json': configFile({ ...model.size, numLayers: 2 }) }));
    await expect(pull(1000)).rejects.toThrow(/expected numLayers 1 as pythia-14m has it, found 2/);
    expect(hub.requests.some(({ url }) => url.includes('model.safetensors'))).toBe(false);
    expect(blobs()).toHaveLength(1); // named by its hash alone: no snapshot leads to it
  });

  it('refuses what was never published, and what is known to be bad, by its thread', async () => {
    await expect(pull(1500)).rejects.toThrow(/no published checkpoint at step 1500; the nearest is step1000/);
    const bad = tiny('pythia-12b');
    hub.repos[bad.repo] = { revisions: { step50000: folder(0), main: folder(2) } };
    await expect(pull(50_000, {}, client(), bad)).rejects.toThrow(/EleutherAI\/pythia#206.*--force-bad-revision/);
    expect(hub.requests).toEqual([]);
    hub.repos[bad.repo]!.revisions['step50000']!['config.json'] = configFile(bad.size);
    await pull(50_000, { isForced: true }, client(), bad);
    expect([...findModel(home, bad.name).checkpoints.keys()]).toEqual([50_000]);
  });

  it('refuses a revision in mid-training that serves the end, unless forced', async () => {
    hub.repos[REPO]!.revisions['step1000'] = folder(2);
    await expect(pull(1000)).rejects.toThrow(/at step1000: model\.safetensors is the file of main/);
    expect(hub.requests.some(({ url }) => url.includes('/resolve/'))).toBe(false);
    await pull(1000, { isForced: true });
    expect(notices[0]).toContain('it holds weights of the end');
    await pull(143_000);
    expect([...findModel(home, model.name).checkpoints.keys()]).toEqual([1000, 143_000]);
  });

  it('asks for room before it fetches', async () => {
    const freeBytes = () => Promise.resolve(65e6);
    await expect(pull(1000, { freeBytes })).rejects.toThrow(/expected room for \d+ bytes of .*, found 65000000 free/);
    expect(hub.requests.some(({ url }) => url.includes('/resolve/'))).toBe(false);
  });

  it('fetches raw training state without registering it', async () => {
    const raw = tiny('neox-ckpt-pythia-70m');
    const state = (prefix: string) => ({
      [`${prefix}mp_rank_00_model_states.pt`]: Buffer.from('model'),
      [`${prefix}zero_pp_rank_0_mp_rank_00_optim_states.pt`]: Buffer.from('optimizer'),
      [`${prefix}layer_00-model_00-model_states.pt`]: Buffer.from('layer'),
    });
    for (const [step, prefix] of [[1000, ''], [2000, 'global_step2000/']] as const) {
      hub.repos[raw.repo] = { revisions: { [`step${step}`]: { 'README.md': Buffer.from(''), ...state(prefix), '70M.yml': Buffer.from('') } } };
      const { folder: pulled } = await pull(step, {}, client(), raw);
      expect(readdirSync(pulled).sort()).toEqual(Object.keys(state('')).sort());
    }
    expect(existsSync(join(home, 'models'))).toBe(false);
    hub.repos[raw.repo] = { revisions: { step4000: { 'README.md': Buffer.from('') } } };
    await expect(pull(4000, {}, client(), raw)).rejects.toThrow(NotFoundError);
  });

  it('does not write through a link that leads out of its folder', async () => {
    const raw = tiny('neox-ckpt-pythia-70m');
    const files = { 'global_step1000/mp_rank_00_model_states.pt': Buffer.from('model') };
    hub.repos[raw.repo] = { revisions: { step1000: files } };
    const snapshot = join(home, 'cache', 'models--EleutherAI--neox-ckpt-pythia-70m', 'snapshots', commitOf(files));
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(home, 'outside'));
    symlinkSync(join(home, 'outside'), join(snapshot, 'global_step1000'));
    await expect(pull(1000, {}, client(), raw)).rejects.toThrow(/found a link that leads out of it/);
    expect(readdirSync(join(home, 'outside'))).toEqual([]);
  });
});
