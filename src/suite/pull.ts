// From a name of the suite to a registered checkpoint: chooses the files that are needed, fetches them into the shared cache or a folder, whole or not at
// all, and registers what a job can name. Raw GPT-NeoX checkpoints are fetched for `checkpoint import` and not registered.
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { hubFileUrl, type HubRepo } from './hub/address.ts';
import { addToSnapshot, blobPath, cachedSnapshot, placeBelow, repoFolder, writeRef } from './hub/cache.ts';
import { bytesOfPartial, downloadFile, hashFile } from './hub/download.ts';
import type { HubFile, Revision } from './hub/repository.ts';
import type { HubClient } from './hub/request.ts';
import { registerModel } from './models.ts';
import { checkConfig } from './pythia/config.ts';
import { revisionOf, type PythiaModel } from './pythia/models.ts';
import { checkStep, repoOf, survey, type Source, type SurveyOptions } from './survey.ts';

export interface PullProgress {
  readonly numFilesDone: number;
  readonly numFiles: number;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Of the bytes done, those that this pull fetched. */
  readonly fetchedBytes: number;
  /** What it is at. */
  readonly file: string;
}

export interface PullOptions extends SurveyOptions {
  /** A new folder instead of the cache. */
  readonly to?: string | undefined;
  readonly onProgress: (progress: PullProgress) => void;
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

/**
 * What a pull into the cache would find out before it fetches: whether the step may be taken, the hub gives the files, and there is room. Throws as
 * pullModel does.
 */
export async function checkPull(
  client: HubClient,
  model: PythiaModel,
  step: number,
  { isForced, freeBytes }: Pick<PullOptions, 'isForced' | 'freeBytes'>,
): Promise<void> {
  checkStep(model, step, isForced);
  const revision = revisionOf(model, step);
  if (client.access.isOffline) {
    pullFromCache(client, model, revision);
    return;
  }
  const { sources, where } = await survey(client, model, revision, { isForced, onNotice: () => undefined });
  const root = repoFolder(client.access.cacheFolder, repoOf(model));
  const numBytes = sources.reduce((sum, { file }) => sum + bytesToCome(blobPath(root, file), file), 0);
  await checkRoom(root, numBytes, where, freeBytes);
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
  const { listed, sources, where } = await survey(client, model, revision, options);
  const job = { client, repo: repoOf(model), sources, options, where };
  const { folder, tokenizerPath } = await (options.to === undefined
    ? fetchIntoCache(job, listed, revision, model)
    : fetchIntoFolder(job, resolve(options.to), model));
  const own = model.form === 'neox' ? dirname(join(folder, sources[0]!.file.path)) : folder; // there is at least one
  return { folder: own, tokenizerPath, revision, commit: listed.commit, sizeBytes: sizeOf(sources) };
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
  const inOrder = [...sources].sort((a, b) => a.file.sizeBytes - b.file.sizeBytes);
  const needed = inOrder.reduce((sum, source) => sum + bytesToCome(placeOf(source), source.file), 0);
  await checkRoom(root, needed, where, options.freeBytes);
  const totals = { numFiles: inOrder.length, totalBytes: sizeOf(sources) };
  let [doneBytes, fetchedBytes] = [0, 0];
  for (const [numDone, source] of inOrder.entries()) {
    const { file, commit } = source;
    const place = placeOf(source);
    const tell = (numFilesDone: number) =>
      options.onProgress({ ...totals, numFilesDone, doneBytes, fetchedBytes, file: file.path });
    if (existsSync(place)) {
      await checkPresent(place, file);
      doneBytes += file.sizeBytes;
    } else {
      const url = hubFileUrl({ ...repo, revision: commit, path: file.path }, client.access.endpoint);
      fetchedBytes -= bytesOfPartial(place, file); // which come first, and were fetched before
      const onBytes = (numBytes: number) => {
        [doneBytes, fetchedBytes] = [doneBytes + numBytes, fetchedBytes + numBytes];
        tell(numDone);
      };
      await downloadFile(client, url, file, place, { onBytes });
    }
    tell(numDone + 1);
    if (form === 'huggingface' && file.path === 'config.json') checkConfig(place, size);
  }
}

async function checkRoom(root: string, numBytes: number, where: string, freeBytes = freeBytesOf): Promise<void> {
  const free = await freeBytes(nearestFolder(root));
  if (numBytes === 0 || numBytes + SPARE_BYTES <= free) return;
  throw new InputError(
    `${root}: expected room for ${numBytes} bytes of ${where}, found ${free} free; make room, or choose another disk with --to or HF_HUB_CACHE`,
  );
}

/** A file that others may have put there is only taken with its hash. */
async function checkPresent(path: string, file: HubFile): Promise<void> {
  const found = await hashFile(path, file);
  if (found === file.etag) return;
  throw new DataError(`${path}: expected the hash ${file.etag} that its name and the hub state, found ${found}; remove it and pull again`);
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
