// From a name of the suite to a registered checkpoint: chooses the files that are needed, fetches them into the shared cache or a folder, whole or not at
// all, and registers what a job can name. Raw GPT-NeoX checkpoints are fetched for `checkpoint import` and not registered.
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { hubFileUrl, type HubRepo } from './hub/address.ts';
import { addToSnapshot, blobPath, cachedSnapshot, placeBelow, repoFolder, writeRef } from './hub/cache.ts';
import { bytesOfPartial, downloadFile, hashFile } from './hub/download.ts';
import { listRevision, type HubFile, type Revision } from './hub/repository.ts';
import type { HubClient } from './hub/request.ts';
import { registerModel } from './models.ts';
import { checkConfig } from './pythia/config.ts';
import { revisionOf, type PythiaModel } from './pythia/models.ts';
import { knownFault } from './pythia/revisions.ts';

export interface PullOptions {
  /** Takes a revision that is known to hold something else. */
  readonly isForced: boolean;
  /** A new folder instead of the cache. */
  readonly to?: string | undefined;
  readonly onProgress: (doneBytes: number, totalBytes: number, file: string) => void;
  /** Is told what was done otherwise than asked. */
  readonly onNotice: (words: string) => void;
  /** Bytes that may still be written below a folder. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

export interface Pulled {
  /** config.json and weights, or the files of a raw checkpoint. */
  readonly folder: string;
  readonly revision: string;
  readonly commit: string;
  readonly sizeBytes: number;
}

/** Room that is left alone on a disk. */
const SPARE_BYTES = 64e6;

/**
 * Fetches one checkpoint and registers it under the model's name. Throws InputError for a step that was never published, a known bad revision
 * or too little room, NotFoundError when the hub (or, offline, the cache) lacks it, TransientError, or DataError for wrong bytes.
 */
export async function pullModel(
  home: string,
  client: HubClient,
  model: PythiaModel,
  step: number,
  options: PullOptions,
): Promise<Pulled> {
  checkStep(model, step, options.isForced);
  if (client.access.isOffline && options.to !== undefined) {
    throw new InputError('offline (HF_HUB_OFFLINE), files are used where the cache has them: leave --to away');
  }
  const revision = revisionOf(model, step);
  const pulled = client.access.isOffline
    ? pullFromCache(client, model, revision)
    : await pullFromHub(client, model, revision, options);
  if (model.form === 'huggingface') {
    const { folder, tokenizerPath } = pulled;
    checkConfig(join(folder, 'config.json'), model.size);
    checkShards(folder);
    registerModel(home, { name: model.name, step, folder, tokenizerPath, peakLearningRate: model.schedule.peak });
  }
  const { folder, commit, sizeBytes } = pulled;
  return { folder, revision, commit, sizeBytes };
}

function checkStep(model: PythiaModel, step: number, isForced: boolean): void {
  const { name, publishedSteps, labelsPerStep } = model;
  if (!publishedSteps.includes(step)) {
    const nearest = [...publishedSteps].sort((a, b) => Math.abs(a - step) - Math.abs(b - step))[0];
    const isLabel = labelsPerStep === 2 && publishedSteps.includes(step / 2);
    const hint = isLabel ? `revision step${step} of the hub is step${step / 2} here` : `the nearest is step${nearest}`;
    throw new InputError(`${name} has no published checkpoint at step ${step}; ${hint}`);
  }
  const fault = knownFault(name, step);
  if (fault !== undefined && !isForced) {
    throw new InputError(
      `${name} step${step}: ${fault.words} (${fault.thread}); choose another step, or take it all the same with --force-bad-revision`,
    );
  }
}

interface Fetched extends Pulled {
  readonly tokenizerPath: string | undefined;
}

function pullFromCache({ access }: HubClient, model: PythiaModel, revision: string): Fetched {
  const folder = repoFolder(access.cacheFolder, repoOf(model));
  const snapshot = cachedSnapshot(folder, revision);
  if (snapshot === undefined) {
    throw new NotFoundError(`${folder}: offline (HF_HUB_OFFLINE), and the cache holds no ${revision} of ${model.repo}`);
  }
  const mainSnapshot = cachedSnapshot(folder, 'main');
  const places = [snapshot, ...(mainSnapshot === undefined ? [] : [mainSnapshot])];
  const tokenizerPath = places.map((place) => join(place, 'tokenizer.json')).find((path) => existsSync(path));
  const required = model.form === 'huggingface' ? ['config.json'] : [];
  for (const name of required) {
    if (!existsSync(join(snapshot, name))) throw new NotFoundError(`${snapshot}: offline, and the cache has no ${name} of it`);
  }
  return { folder: snapshot, tokenizerPath, revision, commit: snapshot.slice(-40), sizeBytes: 0 };
}

async function pullFromHub(
  client: HubClient,
  model: PythiaModel,
  revision: string,
  options: PullOptions,
): Promise<Fetched> {
  if (options.to !== undefined && existsSync(options.to)) {
    throw new InputError(`${options.to}: expected a folder that is not there yet; remove it or choose another`);
  }
  const listed = await listRevision(client, repoOf(model), revision);
  const where = `${model.repo} at ${revision}`;
  const files = model.form === 'neox' ? chooseRaw(listed.files, where) : chooseModel(listed.files, where);
  const sources: Source[] = files.map((file) => ({ file, commit: listed.commit }));
  if (model.form === 'huggingface' && revision !== 'main') {
    const main = await listRevision(client, repoOf(model), 'main');
    if (revision !== revisionOf(model, model.endStep)) checkNotEnd(files, main.files, where, options);
    if (!files.some(({ path }) => path === 'tokenizer.json')) {
      sources.push(tokenizerOf(main, model));
      options.onNotice(`${where} has no tokenizer.json: that of main is taken`);
    }
  }
  const job = { client, repo: repoOf(model), sources, options, where };
  const { folder, tokenizerPath } = await (options.to === undefined
    ? fetchIntoCache(job, listed, revision, model)
    : fetchIntoFolder(job, resolve(options.to), model));
  const own = model.form === 'neox' ? dirname(join(folder, files[0]!.path)) : folder; // there is at least one
  return { folder: own, tokenizerPath, revision, commit: listed.commit, sizeBytes: sizeOf(sources) };
}

interface Source {
  readonly file: HubFile;
  readonly commit: string;
}

interface FetchJob {
  readonly client: HubClient;
  readonly repo: HubRepo;
  readonly sources: readonly Source[];
  readonly options: PullOptions;
  readonly where: string;
}

async function fetchIntoCache(job: FetchJob, listed: Revision, revision: string, model: PythiaModel) {
  const folder = repoFolder(job.client.access.cacheFolder, job.repo);
  await fetchAll(job, folder, ({ file }) => blobPath(folder, file), model);
  // Only now that every blob is there does anything name them.
  const paths = job.sources.map(({ file, commit }) => addToSnapshot(folder, commit, file));
  writeRef(folder, revision, listed.commit);
  const tokenizerPath = paths.find((path) => path.endsWith('tokenizer.json'));
  return { folder: join(folder, 'snapshots', listed.commit), tokenizerPath };
}

async function fetchIntoFolder(job: FetchJob, to: string, model: PythiaModel) {
  const staging = `${to}.pulling`; // the same at the next call, which goes on with it
  await fetchAll(job, staging, ({ file }) => placeBelow(staging, file.path), model);
  mkdirSync(dirname(to), { recursive: true });
  renameSync(staging, to);
  return { folder: to, tokenizerPath: join(to, 'tokenizer.json') };
}

/** Fetches every file to its place, small ones first, so that a wrong config.json is seen before gigabytes are here. */
async function fetchAll(
  { client, repo, sources, options, where }: FetchJob,
  root: string,
  placeOf: (source: Source) => string,
  { form, size }: PythiaModel,
): Promise<void> {
  const { onProgress, freeBytes = freeBytesOf } = options;
  const inOrder = [...sources].sort((a, b) => a.file.sizeBytes - b.file.sizeBytes);
  const total = sizeOf(sources);
  const needed = inOrder.reduce((sum, source) => sum + bytesToCome(placeOf(source), source.file), 0);
  const free = await freeBytes(nearestFolder(root));
  if (needed > 0 && needed + SPARE_BYTES > free) {
    throw new InputError(
      `${root}: expected room for ${needed} bytes of ${where}, found ${free} free; make room, or choose another disk with --to or HF_HUB_CACHE`,
    );
  }
  let done = 0;
  for (const source of inOrder) {
    const { file, commit } = source;
    const place = placeOf(source);
    const onBytes = (numBytes: number) => onProgress((done += numBytes), total, file.path);
    if (existsSync(place)) {
      await checkPresent(place, file);
      onBytes(file.sizeBytes);
    } else {
      const url = hubFileUrl({ ...repo, revision: commit, path: file.path }, client.access.endpoint);
      await downloadFile(client, url, file, place, { onBytes });
    }
    if (form === 'huggingface' && file.path === 'config.json') checkConfig(place, size);
  }
}

/** A file that others may have put there is only taken with its hash. */
async function checkPresent(path: string, file: HubFile): Promise<void> {
  const found = await hashFile(path, file);
  if (found === file.etag) return;
  throw new DataError(`${path}: expected the hash ${file.etag} that its name and the hub state, found ${found}; remove it and pull again`);
}

const WEIGHT_FORMS: readonly (readonly [whole: RegExp, index: string | undefined])[] = [
  [/^model\.safetensors$/, undefined],
  [/^model-\d+-of-\d+\.safetensors$/, 'model.safetensors.index.json'],
  [/^pytorch_model\.bin$/, undefined],
  [/^pytorch_model-\d+-of-\d+\.bin$/, 'pytorch_model.bin.index.json'],
];

function chooseModel(files: readonly HubFile[], where: string): HubFile[] {
  const named = (name: string | undefined) => files.filter(({ path }) => path === name);
  const form = WEIGHT_FORMS.find(
    ([pattern, index]) => files.some(({ path }) => pattern.test(path)) && (index === undefined || named(index).length > 0),
  );
  if (form === undefined) throw new NotFoundError(`${where} holds no weights: no model.safetensors and no pytorch_model.bin`);
  if (named('config.json').length === 0) throw new NotFoundError(`${where} has no config.json`);
  const [pattern, index] = form;
  const weights = files.filter(({ path }) => pattern.test(path));
  return [...named('config.json'), ...named('tokenizer.json'), ...named(index), ...weights];
}

const FIRST_STATE = 'mp_rank_00_model_states.pt';
const RAW_STATE = /^(mp_rank_\d+_model_states|zero_pp_rank_\d+_mp_rank_\d+_optim_states|layer_\d+-model_\d+-model_states)\.pt$/;

/** The files of one raw checkpoint: those beside its first model state. */
function chooseRaw(files: readonly HubFile[], where: string): HubFile[] {
  const first = files.filter(({ path }) => path === FIRST_STATE || path.endsWith(`/${FIRST_STATE}`));
  if (first.length !== 1) throw new NotFoundError(`${where}: expected one ${FIRST_STATE}, found ${first.length}`);
  const folder = first[0]!.path.slice(0, -FIRST_STATE.length);
  return files.filter(({ path }) => path.startsWith(folder) && RAW_STATE.test(path.slice(folder.length)));
}

/** A revision in mid-training must not serve what `main` serves: that is the end. Told by the listings, before gigabytes are fetched. */
function checkNotEnd(
  files: readonly HubFile[],
  main: readonly HubFile[],
  where: string,
  { isForced, onNotice }: PullOptions,
): void {
  const hashes = new Set(main.map(({ etag }) => etag));
  const same = files.find(({ path, etag }) => /\.(safetensors|bin)$/.test(path) && hashes.has(etag));
  if (same === undefined) return;
  const words = `${where}: ${same.path} is the file of main, so it holds weights of the end of training`;
  if (!isForced) throw new InputError(`${words}; choose another step, or take it all the same with --force-bad-revision`);
  onNotice(words);
}

function tokenizerOf({ commit, files }: Revision, model: PythiaModel): Source {
  const file = files.find(({ path }) => path === 'tokenizer.json');
  if (file === undefined) throw new NotFoundError(`${model.repo} has no tokenizer.json, at its main neither`);
  return { file, commit };
}

/** Each file that an index names must be there; what is in it is `models verify`'s to see. */
function checkShards(folder: string): void {
  for (const name of ['model.safetensors.index.json', 'pytorch_model.bin.index.json']) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    let named: string[];
    try {
      const { weight_map: map } = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, string> };
      named = [...new Set(Object.values(map))];
    } catch (error) {
      throw new DataError(`${path}: expected the index of a model's shards: ${messageOf(error)}`, { cause: error });
    }
    const missing = named.filter((shard) => !existsSync(join(folder, shard)));
    if (missing.length > 0) throw new DataError(`${path}: names ${missing.join(', ')}, which is not there`);
  }
}

function repoOf({ repo }: PythiaModel): HubRepo {
  return { kind: 'models', repo };
}

function sizeOf(sources: readonly Source[]): number {
  return sources.reduce((sum, { file }) => sum + file.sizeBytes, 0);
}

function bytesToCome(place: string, file: HubFile): number {
  return existsSync(place) ? 0 : file.sizeBytes - bytesOfPartial(place, file);
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

function nearestFolder(path: string): string {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}
