// Dataset names → files: the nano stories, built on demand, and token files that a researcher registered as
// TIRESIAS_HOME/datasets/NAME.json.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { LAYOUTS, openDataset, type DatasetDescription } from '../data/replay.ts';
import { isUrl } from '../data/remote-file.ts';
import type { DataAccess } from '../data/token-files.ts';
import { DataError, messageOf, NotFoundError } from '../errors.ts';
import { ensureNanoData, nanoDataIn, numShuffledRows } from './nano/corpus.ts';
import { nanoTraining } from './nano/definition.ts';
import { checkOwnName, writeRegistration } from './models.ts';

export interface SuiteDataset {
  readonly name: string;
  readonly layout: DatasetDescription['layout'];
  readonly seqLength: number;
  readonly batchSize: number;
  /** Samples that can be read, those held back from training included. */
  readonly numSamples: number;
  /** Steps of the original training: later samples were never trained on. */
  readonly trainSteps: number | undefined;
}

const registeredFile = z.strictObject({
  name: z.string(),
  prefix: z.string(),
  shards: z.int().min(1).optional(),
  layout: z.enum(LAYOUTS),
  seqLength: z.int().min(1),
  batchSize: z.int().min(1),
  trainSteps: z.int().min(1).optional(),
  seed: z.int().min(0).optional(),
  numSamples: z.int().min(1),
});
type Registered = z.infer<typeof registeredFile>;

/** Name of the nano corpus of a seed: nano-stories for seed 1, nano-stories-seed2 and so on. */
export function nanoDatasetName(seed: number): string {
  return seed === 1 ? 'nano-stories' : `nano-stories-seed${seed}`;
}

/** Every dataset that can be named without building anything. Throws DataError for a damaged registration. */
export function listDatasets(home: string): SuiteDataset[] {
  return [nanoDataset('nano-stories'), ...listRegistrations(home).map((name) => registeredDataset(home, name))];
}

/** The dataset of that name; throws NotFoundError that lists those there are. */
export function findDataset(home: string, name: string): SuiteDataset {
  if (nanoSeed(name) !== undefined) return nanoDataset(name);
  const registered = listRegistrations(home);
  // Only the named file is read: another one that is damaged is no concern of this job.
  if (registered.includes(name)) return registeredDataset(home, name);
  const known = ['nano-stories', ...registered].join(', ');
  throw new NotFoundError(`no dataset "${name}" is registered (there is: ${known}); add one with \`tiresias datasets add\``);
}

/** What replay needs to open the dataset; the nano stories are built first where they are not there yet (seconds). */
export async function describeDataset(home: string, name: string): Promise<DatasetDescription> {
  const seed = nanoSeed(name);
  if (seed !== undefined) await ensureNanoData(seed, join(home, 'suite'));
  return describePlace(home, name);
}

/** The same of a dataset that need not have been built: nothing of it is read. Throws NotFoundError or DataError. */
export function describePlace(home: string, name: string): DatasetDescription {
  const nano = nanoSeed(name);
  if (nano !== undefined) return nanoDataIn(nano, join(home, 'suite')).preshuffled;
  findDataset(home, name);
  const registered = readRegistered(registrationPath(home, name));
  const { prefix, shards, layout, seqLength, batchSize, trainSteps, seed } = registered;
  return {
    ...{ prefix, layout, seqLength, batchSize },
    ...(shards === undefined ? {} : { shards }),
    ...(trainSteps === undefined ? {} : { trainSteps }),
    ...(seed === undefined ? {} : { seed }),
  };
}

/** Where index arrays and fetched blocks of a dataset are kept. */
export function datasetCacheFolder(home: string, name: string): string {
  return join(home, 'cache', 'datasets', name);
}

/**
 * Registers token files after opening them; what lies behind a URL must have been prepared (prepareDataset) with the same access, whose cache
 * folder is the dataset's. Throws InputError on bad input, DataError on bad files.
 */
export function registerDataset(
  home: string,
  name: string,
  description: DatasetDescription,
  access: DataAccess = { cacheFolder: datasetCacheFolder(home, name) },
): SuiteDataset {
  checkOwnName(name, 'dataset');
  const { prefix } = description;
  const absolute = { ...description, prefix: isUrl(prefix) ? prefix : resolve(prefix) };
  const dataset = openDataset(absolute, access);
  const { numSamples } = dataset;
  dataset.close();
  const content: Registered = { name, ...absolute, numSamples };
  writeRegistration(registrationPath(home, name), content);
  return { ...content, trainSteps: content.trainSteps };
}

function listRegistrations(home: string): string[] {
  const folder = join(home, 'datasets');
  const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.json')) : [];
  return files.map((file) => file.slice(0, -'.json'.length)).sort();
}

function registeredDataset(home: string, name: string): SuiteDataset {
  const file = readRegistered(registrationPath(home, name));
  return { ...file, trainSteps: file.trainSteps };
}

function registrationPath(home: string, name: string): string {
  return join(home, 'datasets', `${name}.json`);
}

function nanoSeed(name: string): number | undefined {
  const match = /^nano-stories(?:-seed(\d+))?$/.exec(name);
  return match === null ? undefined : Number(match[1] ?? 1);
}

function nanoDataset(name: string): SuiteDataset {
  const { seqLength, batchSize, trainSteps } = nanoTraining;
  return { name, layout: 'preshuffled', seqLength, batchSize, numSamples: numShuffledRows, trainSteps };
}

function readRegistered(path: string): Registered {
  try {
    return registeredFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new DataError(`${path}: not a dataset registration: ${messageOf(error)}; register it again`, { cause: error });
  }
}
