// Whether the checkpoints of a model that are here are what their names say: shape, tokenizer, tensors, numbers, and that no checkpoint in mid-training
// holds the weights of the end or of another step – which hub revisions of the suite were found to do.
import { readdirSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inspectWeights, type WeightInspection } from '../checkpoint/inspect.ts';
import { readTokenizer } from '../data/tokenizer.ts';
import { DataError, InputError, messageOf, NotFoundError, TransientError } from '../errors.ts';
import { readModelConfig } from '../model/config.ts';
import { hashFile } from './hub/download.ts';
import { listRevision } from './hub/repository.ts';
import type { HubClient } from './hub/request.ts';
import type { SuiteModel } from './models.ts';
import { checkConfig } from './pythia/config.ts';
import { findPythia, revisionOf, type PythiaModel } from './pythia/models.ts';
import { knownFault, mayBeEqual } from './pythia/revisions.ts';
import { NUM_TOKENS } from './pythia/sizes.ts';

export interface Check {
  readonly name: 'config' | 'tokenizer' | 'tensors' | 'other steps' | 'hub revision' | 'hub end' | 'threads';
  readonly outcome: 'ok' | 'fault' | 'not checked';
  readonly detail: string;
}

export interface CheckpointReport {
  readonly step: number;
  readonly folder: string;
  /** Of all parameters as fp32; null when they cannot be read. */
  readonly sha256: string | null;
  readonly checks: readonly Check[];
}

export interface VerifyOptions {
  /** Undefined: nothing is asked of the hub, for the reason that goes with it. */
  readonly client: HubClient | undefined;
  readonly published?: PythiaModel | undefined;
  readonly onTensor?: (step: number, done: number, total: number) => void;
}

type Inspected = WeightInspection | DataError;

/** Verifies some checkpoints of a model; the others that are here are read for comparison. Throws NotFoundError for one that is not here. */
export async function verifyModel(
  model: SuiteModel,
  steps: readonly number[],
  { client, published = findPythia(model.name), onTensor }: VerifyOptions,
): Promise<CheckpointReport[]> {
  const absent = steps.find((step) => !model.checkpoints.has(step));
  if (absent !== undefined) throw new NotFoundError(`${model.name} has no checkpoint at step ${absent} here`);
  const inspected = new Map<number, Inspected>();
  for (const [step, folder] of model.checkpoints) {
    inspected.set(step, await inspect(folder, model.configPath, (done, total) => onTensor?.(step, done, total)));
  }
  const ends = published === undefined ? [] : await endsOf(client, published);
  const reports: CheckpointReport[] = [];
  for (const step of steps) {
    const folder = model.checkpoints.get(step)!; // checked above
    const found = inspected.get(step)!; // every checkpoint was inspected
    const hashes = published === undefined ? new Map<string, string>() : await weightHashes(folder);
    const checks = [
      check('config', () => describeConfig(model, published)),
      check('tokenizer', () => describeTokenizer(model, published)),
      check('tensors', () => describeTensors(found)),
      check('other steps', () => describeOthers(step, found, inspected)),
      ...(published === undefined
        ? []
        : [await compareRevision(client, published, step, folder, hashes), compareEnd(published, step, hashes, ends), threads(published, step)]),
    ];
    reports.push({ step, folder, sha256: found instanceof DataError ? null : found.sha256, checks });
  }
  return reports;
}

async function inspect(folder: string, configPath: string, onTensor: (done: number, total: number) => void) {
  try {
    return await inspectWeights(folder, readModelConfig(configPath), onTensor);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

/** What `work` says is well; a DataError is a fault. */
function check(name: Check['name'], work: () => string): Check {
  try {
    return { name, outcome: 'ok', detail: work() };
  } catch (error) {
    if (!(error instanceof DataError || error instanceof InputError)) throw error;
    return { name, outcome: 'fault', detail: messageOf(error) };
  }
}

function describeConfig({ configPath }: SuiteModel, published: PythiaModel | undefined): string {
  if (published === undefined) return `${readModelConfig(configPath).numLayers} layers; no size of the Pythia suite to compare with`;
  checkConfig(configPath, published.size);
  return `as pythia-${published.size.name} has it`;
}

function describeTokenizer({ configPath, tokenizerPath }: SuiteModel, published: PythiaModel | undefined): string {
  const { vocabSize } = readTokenizer(tokenizerPath);
  const rows = readModelConfig(configPath).vocabSize;
  if (vocabSize > rows) throw new DataError(`${tokenizerPath}: expected at most ${rows} tokens, found ${vocabSize}`);
  if (published !== undefined && vocabSize !== NUM_TOKENS) {
    throw new DataError(`${tokenizerPath}: expected the ${NUM_TOKENS} tokens of the Pythia suite, found ${vocabSize}`);
  }
  return `${vocabSize} tokens, ${rows} rows in the model`;
}

function describeTensors(found: Inspected): string {
  if (found instanceof DataError) throw found;
  const bad = found.tensors.filter(({ numNonFinite }) => numNonFinite > 0);
  if (bad.length === 0) return `${found.tensors.length}, each of its shape, all numbers finite`;
  const [first] = bad;
  throw new DataError(
    `expected finite numbers, found ${found.numNonFinite} that are not, the first in "${first!.name}" (${first!.numNonFinite}); fetch the weights anew`,
  );
}

function describeOthers(step: number, found: Inspected, all: ReadonlyMap<number, Inspected>): string {
  if (found instanceof DataError) throw found;
  const equal = [...all].flatMap(([other, its]) =>
    other !== step && !(its instanceof DataError) && its.sha256 === found.sha256 ? [other] : [],
  );
  const wrong = equal.filter((other) => !mayBeEqual(step, other));
  if (wrong.length > 0) {
    const names = wrong.map((other) => `step${other}`).join(', ');
    throw new DataError(`expected weights of its own, found those of ${names}: at most one of them is what its name says`);
  }
  if (equal.length > 0) return 'equal to another of the first two steps, as the suite has them: learning rate 0';
  return `unlike ${all.size - 1} other checkpoints that are here`;
}

// The hub may have been mended since, and the folder may be from elsewhere: a thread alone condemns nothing that is here.
function threads({ name }: PythiaModel, step: number): Check {
  const fault = knownFault(name, step);
  if (fault === undefined) return { name: 'threads', outcome: 'ok', detail: 'nothing is known against this revision' };
  const detail = `on the hub, ${fault.words} (${fault.thread}): the other checks decide`;
  return { name: 'threads', outcome: 'not checked', detail };
}

async function compareRevision(
  client: HubClient | undefined,
  published: PythiaModel,
  step: number,
  folder: string,
  hashes: ReadonlyMap<string, string>,
): Promise<Check> {
  const name = 'hub revision';
  const spoiled = [...hashes].find(([file, hash]) => {
    const blob = basename(realpathSync(join(folder, file)));
    return /^[0-9a-f]{64}$/.test(blob) && blob !== hash; // the cache names a file by its hash
  });
  if (spoiled !== undefined) {
    const [file, hash] = spoiled;
    return { name, outcome: 'fault', detail: `${join(folder, file)}: expected the SHA-256 that its blob is named by, found ${hash}; remove it and pull again` };
  }
  const revision = revisionOf(published, step);
  const listed = await hashesAt(client, published, revision);
  if (typeof listed === 'string') return { name, outcome: 'not checked', detail: listed };
  const files = [...hashes].filter(([file]) => listed.has(file));
  if (files.length === 0) return { name, outcome: 'not checked', detail: `${revision} has its weights in files of other names` };
  const other = files.find(([file, hash]) => listed.get(file) !== hash);
  if (other === undefined) return { name, outcome: 'ok', detail: `the files of ${revision}` };
  return { name, outcome: 'not checked', detail: `${other[0]} is another file than at ${revision}: converted or changed` };
}

interface End {
  readonly revision: string;
  /** Hashes by file name, or why they are not known. */
  readonly listed: ReadonlyMap<string, string> | string;
}

/** `main` and the last step's revision should be the same, and are not everywhere. */
async function endsOf(client: HubClient | undefined, published: PythiaModel): Promise<End[]> {
  const revisions = new Set(['main', revisionOf(published, published.endStep)]);
  const ends: End[] = [];
  for (const revision of revisions) ends.push({ revision, listed: await hashesAt(client, published, revision) });
  return ends;
}

function compareEnd({ endStep }: PythiaModel, step: number, hashes: ReadonlyMap<string, string>, ends: readonly End[]): Check {
  const name = 'hub end';
  if (step === endStep) return { name, outcome: 'ok', detail: 'this is the end of training' };
  const reasons: string[] = [];
  let numCompared = 0;
  for (const { revision, listed } of ends) {
    if (typeof listed === 'string') reasons.push(listed);
    else {
      for (const [file, hash] of hashes) {
        if (listed.get(file) === hash) {
          return { name, outcome: 'fault', detail: `${file} is the one of ${revision}, the end of training: this is not step ${step}` };
        }
        if (listed.has(file)) numCompared += 1;
      }
    }
  }
  if (numCompared === 0) {
    const detail = reasons[0] ?? 'the end of training is on the hub in files of other names';
    return { name, outcome: 'not checked', detail };
  }
  return { name, outcome: 'ok', detail: 'other files than at the end of training' };
}

async function hashesAt(
  client: HubClient | undefined,
  { repo }: PythiaModel,
  revision: string,
): Promise<ReadonlyMap<string, string> | string> {
  if (client === undefined) return 'the hub was not asked: HF_HUB_OFFLINE is set';
  try {
    const { files } = await listRevision(client, { kind: 'models', repo }, revision);
    return new Map(files.map(({ path, etag }) => [path, etag]));
  } catch (error) {
    if (![TransientError, NotFoundError, InputError].some((kind) => error instanceof kind)) throw error;
    return `the hub could not be asked: ${messageOf(error)}`;
  }
}

/** SHA-256 of each weight file of a folder. */
async function weightHashes(folder: string): Promise<Map<string, string>> {
  const names = readdirSync(folder).filter((name) => /^(pytorch_)?model(-\d+-of-\d+)?\.(safetensors|bin)$/.test(name));
  const hashes = new Map<string, string>();
  for (const name of names.sort()) hashes.set(name, await hashFile(join(folder, name), { etag: '0'.repeat(64) }));
  return hashes;
}
