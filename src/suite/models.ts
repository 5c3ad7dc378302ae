// Model and checkpoint names → files: the nano suite that the repository carries (and what `suite build` adds to it), and
// folders that a researcher registered. A registered model is TIRESIAS_HOME/models/NAME.json.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { findWeights } from '../checkpoint/weights.ts';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { packagePath } from '../package-root.ts';
import { checkpointSteps, nanoSizes, nanoTraining } from './nano/definition.ts';
import { nanoTokenizerPath } from './nano/corpus.ts';
import { findPythia, type PythiaModel } from './pythia/models.ts';
import { ALL_STEPS, END_STEP } from './pythia/revisions.ts';
import { pythiaSizeOf } from './pythia/sizes.ts';

export interface SuiteModel {
  readonly name: string;
  readonly suite: 'nano' | 'pythia';
  /** Models of one family differ by their seed alone: a trial on several is repeated over the training itself. */
  readonly family: string;
  /** Null where it is not known. */
  readonly seed: number | null;
  /** A Hugging Face config.json. */
  readonly configPath: string;
  /** A Hugging Face tokenizer.json. */
  readonly tokenizerPath: string;
  readonly schedule: { readonly peak: number; readonly floor: number; readonly totalSteps: number; readonly warmupSteps: number };
  readonly endStep: number;
  readonly checkpointSpacing: number;
  /** Steps at which the suite published a checkpoint, ascending. */
  readonly publishedSteps: readonly number[];
  /** Folders of the published checkpoints that are here, by step. */
  readonly checkpoints: ReadonlyMap<number, string>;
  /** The dataset it was trained on, where that is known. */
  readonly dataset: string | null;
  /** Benchmarks that a job scores when it names none. */
  readonly benchmarks: readonly string[];
}

const registeredFile = z.object({
  name: z.string(),
  configPath: z.string(),
  tokenizerPath: z.string(),
  peakLearningRate: z.number().positive(),
  family: z.string().optional(),
  seed: z.int().optional(),
  dataset: z.string().optional(),
  checkpoints: z.record(z.string().regex(/^\d+$/), z.string()),
});

/** Every model that can be named, nano first, in order of name. Throws DataError for a damaged registration. */
export function listModels(home: string): SuiteModel[] {
  return [...listNanoModels(home), ...listRegistered(home)];
}

/** The model of that name; throws NotFoundError that lists those there are. */
export function findModel(home: string, name: string): SuiteModel {
  const nano = listNanoModels(home);
  const model = nano.find((candidate) => candidate.name === name);
  if (model !== undefined) return model;
  const registered = listRegistrations(home);
  // Only the named file is read: another one that is damaged is no concern of this job.
  if (registered.includes(name)) return toModel(readRegistered(registrationPath(home, name)));
  const published = findPythia(name);
  if (published !== undefined) throw new NotFoundError(`${name} is not here; ${wayToGet(published)}`);
  const known = [...nano.map((candidate) => candidate.name), ...registered].join(', ');
  throw new NotFoundError(`no model "${name}" is registered (there is: ${known}); add one with \`tiresias models add\`, or pull one of \`tiresias models list --all\``);
}

function wayToGet({ name, form, publishedSteps }: PythiaModel): string {
  const step = publishedSteps.at(-11) ?? publishedSteps[0]; // where the last 7 % begin, in most
  const pull = `\`tiresias models pull ${name} --checkpoint step${step}\``;
  if (form === 'huggingface') return `fetch a checkpoint from the hub, for example with ${pull}`;
  return `it is raw training state: fetch it with ${pull}, import that with \`tiresias checkpoint import\`, and \`tiresias models add\` the result`;
}

/** Whether a checkpoint folder holds Adam's moments. */
export function hasMoments(model: SuiteModel, step: number): boolean {
  const folder = model.checkpoints.get(step);
  return folder !== undefined && existsSync(join(folder, 'optimizer.safetensors'));
}

/** Whether a checkpoint is here with its weights: a registration alone may have outlived its files. */
export function hasWeights(model: SuiteModel, step: number): boolean {
  const folder = model.checkpoints.get(step);
  return folder !== undefined && findWeights(folder) !== undefined;
}

/** The folder that holds a nano model of a seed: committed for seed 1 of nano-1m, else built under the home folder. */
export function nanoFolders(home: string, size: string, seed: number): string[] {
  const folder = `${size}-seed${seed}`;
  return [packagePath('suite', 'nano', folder), join(home, 'suite', folder)];
}

/** The name of a nano model: nano-1m for seed 1, nano-1m-seed2 and so on. */
export function nanoModelName(size: string, seed: number): string {
  return seed === 1 ? size : `${size}-seed${seed}`;
}

function listNanoModels(home: string): SuiteModel[] {
  const models = new Map<string, SuiteModel>();
  for (const parent of [packagePath('suite', 'nano'), join(home, 'suite')]) {
    for (const folder of subfolders(parent)) {
      const match = /^(nano-\d+m)-seed(\d+)$/.exec(folder);
      if (match === null || !nanoSizes.some(({ name }) => name === match[1])) continue;
      const name = nanoModelName(match[1]!, Number(match[2]));
      const found = nanoModel(name, match[1]!, Number(match[2]), join(parent, folder));
      if (found === undefined) continue;
      const checkpoints = new Map([...found.checkpoints, ...(models.get(name)?.checkpoints ?? [])]);
      models.set(name, { ...found, checkpoints: new Map([...checkpoints].sort(([a], [b]) => a - b)) });
    }
  }
  return [...models.values()].sort((a, b) => a.name.localeCompare(b.name));
}

function nanoModel(name: string, family: string, seed: number, folder: string): SuiteModel | undefined {
  const configPath = join(folder, 'config.json');
  if (!existsSync(configPath)) return undefined;
  const { peakLearningRate, minLearningRate, trainSteps, warmupFraction } = nanoTraining;
  const steps = checkpointSteps().filter((step) => existsSync(join(folder, `step${step}`, 'model.safetensors')));
  return {
    name,
    suite: 'nano',
    ...{ family, seed },
    configPath,
    tokenizerPath: nanoTokenizerPath(),
    schedule: {
      peak: peakLearningRate,
      floor: minLearningRate,
      totalSteps: trainSteps,
      warmupSteps: warmupFraction * trainSteps,
    },
    endStep: trainSteps,
    checkpointSpacing: 10,
    publishedSteps: checkpointSteps(),
    checkpoints: new Map(steps.map((step) => [step, join(folder, `step${step}`)])),
    dataset: name.replace(/^nano-\d+m/, 'nano-stories'),
    benchmarks: ['nano-winobias', 'nano-crows-pairs'],
  };
}

function subfolders(parent: string): string[] {
  if (!existsSync(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function listRegistered(home: string): SuiteModel[] {
  return listRegistrations(home).map((name) => toModel(readRegistered(registrationPath(home, name))));
}

function listRegistrations(home: string): string[] {
  const folder = join(home, 'models');
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return files.map((file) => file.slice(0, -'.json'.length)).sort();
}

function registrationPath(home: string, name: string): string {
  return join(home, 'models', `${name}.json`);
}

function readRegistered(path: string): z.infer<typeof registeredFile> {
  try {
    return registeredFile.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new DataError(`${path}: not a model registration: ${messageOf(error)}; register the model again`, { cause: error });
  }
}

function toModel(file: z.infer<typeof registeredFile>): SuiteModel {
  const { name, configPath, tokenizerPath, peakLearningRate: peak } = file;
  const steps = Object.entries(file.checkpoints).map(([step, path]): [number, string] => [Number(step), path]);
  const known = findPythia(name);
  const training = known ?? OTHER_TRAINING;
  const { schedule, endStep, checkpointSpacing, publishedSteps } = training;
  return {
    ...{ name, suite: 'pythia', configPath, tokenizerPath },
    ...{ family: file.family ?? known?.family ?? name, seed: file.seed ?? known?.seed ?? null },
    schedule: peak === schedule.peak ? schedule : { ...schedule, peak, floor: (schedule.floor / schedule.peak) * peak },
    ...{ endStep, checkpointSpacing, publishedSteps, dataset: file.dataset ?? training.dataset },
    checkpoints: new Map(steps.sort(([a], [b]) => a - b)),
    benchmarks: ['winobias', 'crows-pairs'],
  };
}

/** A model that is none of the suite is taken to be trained as the suite was. */
const OTHER_TRAINING = {
  schedule: { peak: 1, floor: 0.1, totalSteps: END_STEP, warmupSteps: 0.01 * END_STEP },
  endStep: END_STEP,
  checkpointSpacing: 1000,
  publishedSteps: ALL_STEPS,
  dataset: null,
};

export interface Registration {
  readonly name: string;
  readonly step: number;
  /** Folder with config.json, weights in any of Hugging Face's forms, perhaps optimizer.safetensors and tokenizer.json. */
  readonly folder: string;
  readonly tokenizerPath?: string | undefined;
  readonly peakLearningRate?: number | undefined;
  /** What it shares with models of other seeds; default: as the Pythia suite says, or its name alone. */
  readonly family?: string | undefined;
  readonly seed?: number | undefined;
  /** What it was trained on; default: as the Pythia suite says. */
  readonly dataset?: string | undefined;
}

/** Registers one checkpoint folder under a model name, beside those it already has. Throws InputError on bad input. */
export function registerModel(home: string, { name, step, folder: given, ...more }: Registration): void {
  checkOwnName(name, 'model');
  const folder = resolve(given);
  const required = (file: string) => {
    if (!existsSync(join(folder, file))) throw new InputError(`${folder} has no ${file}`);
    return join(folder, file);
  };
  if (findWeights(folder) === undefined) throw new InputError(`${folder} holds no weights (model.safetensors or pytorch_model.bin)`);
  const path = registrationPath(home, name);
  const earlier = existsSync(path) ? readRegistered(path) : undefined;
  const peakLearningRate = more.peakLearningRate ?? earlier?.peakLearningRate ?? pythiaSizeOf(name)?.peakLearningRate;
  if (peakLearningRate === undefined) {
    throw new InputError(`"${name}" names no size of the Pythia suite; give its peak learning rate (--peak-lr)`, {
      pointer: '/peakLearningRate',
    });
  }
  const tokenizerPath = more.tokenizerPath ?? earlier?.tokenizerPath ?? required('tokenizer.json');
  const content: z.infer<typeof registeredFile> = {
    name,
    configPath: required('config.json'),
    tokenizerPath: resolve(tokenizerPath),
    peakLearningRate,
    ...origin(more, earlier),
    checkpoints: { ...earlier?.checkpoints, [step]: folder },
  };
  writeRegistration(path, content);
}

/** What was said of a model's training, now or before. */
function origin(given: Partial<Registration>, earlier: Partial<z.infer<typeof registeredFile>> = {}) {
  const [family, seed] = [given.family ?? earlier.family, given.seed ?? earlier.seed];
  const dataset = given.dataset ?? earlier.dataset;
  if (family !== undefined && seed === undefined)
    throw new InputError('a family is of models that differ by their seed: give the seed, too', { pointer: '/seed' });
  const known = { ...(family !== undefined && { family }), ...(seed !== undefined && { seed }) };
  return { ...known, ...(dataset !== undefined && { dataset }) };
}

/** Throws InputError unless a researcher may register something of this kind under the name. */
export function checkOwnName(name: string, kind: 'model' | 'dataset'): void {
  const pointer = '/name';
  if (!/^[A-Za-z0-9][\w.-]{0,199}$/.test(name))
    throw new InputError(`"${name}" is no ${kind} name: letters, digits, _ . - only`, { pointer });
  if (name.startsWith('nano-')) throw new InputError('names that begin with nano- belong to the nano suite', { pointer });
}

/** Writes a registration whole or not at all. */
export function writeRegistration(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(content, null, 1)}\n`);
  renameSync(temporary, path);
}
