// A training checkpoint: a folder with model.safetensors (fp32, Hugging Face names), optimizer.safetensors (exp_avg.NAME,
// exp_avg_sq.NAME), config.json and state.json. manifest.json, with the SHA-256 of each, is written last, and the folder is
// renamed into place: it is complete or it is not there.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { DataError, messageOf } from '../errors.ts';
import { parameterShapes } from '../model/parameters.ts';
import type { ModelConfig } from '../model/config.ts';
import { readJsonFile } from './json-file.ts';
import { SafetensorsFile, writeSafetensors } from './safetensors.ts';
import { asStorageError } from './storage-faults.ts';
import { readWhole, type StoredTensor } from './stored-tensor.ts';
import { openWeights, pickParameters } from './weights.ts';

export interface LossScalerState {
  readonly scale: number;
  readonly iteration: number;
  readonly lastOverflow: number;
  readonly hysteresis: number;
  readonly numSkipped: number;
}

/** Everything that is needed to go on after a step, outside any back end. */
export interface CheckpointContent {
  readonly step: number;
  readonly lrCount: number;
  /** Updates that Adam's bias correction counts; null where nothing is to be corrected. */
  readonly adamCount: number | null;
  /** The emulated loss scale; absent where there is none. */
  readonly scaler?: LossScalerState;
  readonly parameters: ReadonlyMap<string, Float32Array>;
  /** Adam's moments; undefined where only weights are known. */
  readonly moments?: {
    readonly expAvg: ReadonlyMap<string, Float32Array>;
    readonly expAvgSq: ReadonlyMap<string, Float32Array>;
  };
}

export interface SavedCheckpoint {
  readonly path: string;
  readonly manifestSha256: string;
  readonly sizeBytes: number;
}

/** What a manifest vouches for. */
const FILES = ['model.safetensors', 'optimizer.safetensors', 'config.json', 'state.json'];

const stateFile = z.object({
  step: z.int().min(0),
  lrCount: z.int().min(0),
  adamCount: z.int().min(0).nullable().optional(),
  lossScale: z.number().optional(),
  skippedSteps: z.int().optional(),
  lossScaler: z.object({ iteration: z.int(), lastOverflow: z.int(), hysteresis: z.int().min(1) }).optional(),
});
const manifestFile = z.object({
  format: z.literal('tiresias-checkpoint-1'),
  step: z.int(),
  files: z.record(
    z.string().regex(/^\w[\w.-]*$/, 'a file of the folder itself'),
    z.object({ sha256: z.string(), sizeBytes: z.int() }),
  ),
});

/**
 * Writes the checkpoint as `folder`; an earlier one of that name stays until this one is complete. `configPath` is the model's
 * config.json. Throws StorageError when the disk is full or takes no writes; nothing is left behind then.
 */
export async function saveCheckpoint(
  folder: string,
  content: CheckpointContent,
  config: ModelConfig,
  configPath: string,
): Promise<SavedCheckpoint> {
  const temporary = `${folder}.writing-${process.pid}`;
  try {
    await rm(temporary, { recursive: true, force: true });
    await makeFolder(temporary);
    const shapes = new Map(parameterShapes(config).map(({ name, shape }) => [name, shape]));
    writeSafetensors(join(temporary, 'model.safetensors'), withShapes('', content.parameters, shapes));
    if (content.moments !== undefined) {
      const { expAvg, expAvgSq } = content.moments;
      const moments = [...withShapes('exp_avg.', expAvg, shapes), ...withShapes('exp_avg_sq.', expAvgSq, shapes)];
      writeSafetensors(join(temporary, 'optimizer.safetensors'), moments);
    }
    await copyFile(configPath, join(temporary, 'config.json'));
    await writeDurably(join(temporary, 'state.json'), json(stateOf(content)));
    const saved = await writeManifest(temporary, content.step, content.moments !== undefined);
    await replaceFolder(temporary, folder);
    await syncFolder(dirname(folder));
    return { ...saved, path: folder };
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined); // where nothing could be written, nothing is
    throw await asStorageError(error, folder);
  }
}

/**
 * Reads a checkpoint folder, verifying its manifest when it has one, and every tensor's name and shape.
 * Throws DataError naming the file, and the tensor that is missing or wrong.
 */
export async function loadCheckpoint(folder: string, config: ModelConfig): Promise<CheckpointContent> {
  const parameters = await loadWeights(folder, config);
  const optimizerPath = join(folder, 'optimizer.safetensors');
  const counters = readCheckpointCounters(folder);
  if (!existsSync(optimizerPath)) return { ...counters, parameters };
  const file = new SafetensorsFile(optimizerPath);
  try {
    const moments = (prefix: string) =>
      readAll(pickParameters(file.tensors, optimizerPath, parameterShapes(config), prefix));
    return { ...counters, parameters, moments: { expAvg: moments('exp_avg.'), expAvgSq: moments('exp_avg_sq.') } };
  } finally {
    file.close();
  }
}

/** Reads only the weights of a model folder. Throws DataError as loadCheckpoint does. */
export async function loadWeights(folder: string, config: ModelConfig): Promise<Map<string, Float32Array>> {
  await verifyCheckpoint(folder);
  const { tensors, path, close } = openWeights(folder);
  try {
    return readAll(pickParameters(tensors, path, parameterShapes(config)));
  } finally {
    close();
  }
}

function readAll(tensors: ReadonlyMap<string, StoredTensor>): Map<string, Float32Array> {
  return new Map([...tensors].map(([name, tensor]) => [name, readWhole(tensor)]));
}

/**
 * The counters of a checkpoint folder, by its state.json or else, of a model folder, by its name: its schedule and Adam have then advanced at every step.
 * Throws DataError when neither tells.
 */
export function readCheckpointCounters(
  folder: string,
): Pick<CheckpointContent, 'step' | 'lrCount' | 'adamCount' | 'scaler'> {
  const statePath = join(folder, 'state.json');
  const state = existsSync(statePath) ? readState(statePath, stateFile) : undefined;
  const step = state?.step ?? stepOfFolder(folder);
  const lrCount = state?.lrCount ?? step;
  const adamCount = state?.adamCount === undefined ? lrCount : state.adamCount;
  return { step, lrCount, adamCount, ...scalerOf(state) };
}

function stateOf({ step, lrCount, adamCount, scaler }: CheckpointContent): z.infer<typeof stateFile> {
  if (scaler === undefined) return { step, lrCount, adamCount, lossScale: 1, skippedSteps: 0 };
  const { scale: lossScale, numSkipped: skippedSteps, iteration, lastOverflow, hysteresis } = scaler;
  return { step, lrCount, adamCount, lossScale, skippedSteps, lossScaler: { iteration, lastOverflow, hysteresis } };
}

/** Files of GPT-NeoX's tell the scale alone: its counters then start afresh. Scale 1 without counters is none. */
function scalerOf(state: z.infer<typeof stateFile> | undefined): { scaler?: LossScalerState } {
  const { lossScale: scale = 1, skippedSteps: numSkipped = 0, lossScaler } = state ?? {};
  if (lossScaler === undefined && scale === 1) return {};
  return { scaler: { ...(lossScaler ?? { iteration: 0, lastOverflow: -1, hysteresis: 2 }), scale, numSkipped } };
}

function stepOfFolder(folder: string): number {
  const match = /step(\d+)$/.exec(folder);
  if (match === null) throw new DataError(`${folder}: has no state.json and its name does not end in stepN`);
  return Number(match[1]);
}

function* withShapes(
  prefix: string,
  arrays: ReadonlyMap<string, Float32Array>,
  shapes: ReadonlyMap<string, readonly number[]>,
): Generator<[string, { shape: number[]; data: Float32Array }]> {
  for (const [name, shape] of shapes) {
    const data = arrays.get(name);
    if (data === undefined) throw new Error(`bug: no values for ${name}`);
    yield [prefix + name, { shape: [...shape], data }];
  }
}

/** Checks a folder against its manifest; throws DataError naming the file that is missing or differs. */
export async function verifyCheckpoint(folder: string): Promise<void> {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) return;
  const manifest = readState(path, manifestFile);
  for (const [name, expected] of Object.entries(manifest.files)) {
    const file = join(folder, name);
    if (!existsSync(file)) throw new DataError(`${file}: named in the manifest but not there`);
    const { size } = await stat(file);
    if (size !== expected.sizeBytes) {
      throw new DataError(`${file}: holds ${size} bytes, its manifest says ${expected.sizeBytes}`);
    }
    const sha256 = await fileSha256(file);
    if (sha256 !== expected.sha256)
      throw new DataError(`${file}: its SHA-256 ${sha256} differs from its manifest's ${expected.sha256}`);
  }
  const unsigned = FILES.find((name) => existsSync(join(folder, name)) && !Object.hasOwn(manifest.files, name));
  if (unsigned !== undefined) throw new DataError(`${join(folder, unsigned)}: there, but not named in the manifest`);
}

/** Writes the manifest of a checkpoint whose other files are there: from then on they are vouched for. */
export async function writeManifest(folder: string, step: number, hasMoments: boolean) {
  const names = FILES.filter((name) => hasMoments || name !== 'optimizer.safetensors');
  const files: Record<string, { sha256: string; sizeBytes: number }> = {};
  let sizeBytes = 0;
  for (const name of names) {
    const file = join(folder, name);
    const { size } = await stat(file);
    files[name] = { sha256: await fileSha256(file), sizeBytes: size };
    sizeBytes += size;
  }
  const text = json({ format: 'tiresias-checkpoint-1', step, files });
  await writeDurably(join(folder, 'manifest.json'), text);
  await syncFolder(folder);
  return { manifestSha256: createHash('sha256').update(text).digest('hex'), sizeBytes };
}

function readState<T>(path: string, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(readJsonFile(path));
  if (parsed.success) return parsed.data;
  throw new DataError(`${path}: not the JSON it should be: ${messageOf(parsed.error)}`, { cause: parsed.error });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a folder and those above it, one by one: told to do so itself, Node calls a file system that takes no writes a missing folder. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder);
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function replaceFolder(from: string, to: string): Promise<void> {
  const earlier = `${to}.replaced-${process.pid}`;
  if (existsSync(to)) await rename(to, earlier);
  await rename(from, to);
  await rm(earlier, { recursive: true, force: true });
}

/** SHA-256 of a file as 64 hex digits. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
