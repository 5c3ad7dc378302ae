// What GPT-NeoX trained comes back: one of its checkpoints becomes a checkpoint of ours below the job's folder, with the hashes of all that it was made of.
// Nothing is recorded here: the server does that, and a worker scores it.
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { fileSha256, writeManifest } from '../../src/checkpoint/checkpoint.ts';
import { importCheckpoint, type Imported } from '../../src/checkpoint/import.ts';
import { readJsonFile } from '../../src/checkpoint/json-file.ts';
import { findStepFolder } from '../../src/checkpoint/neox-folder.ts';
import { InputError } from '../../src/errors.ts';
import type { TrainedArm } from '../../src/job-spec.ts';

export interface NeoxImport {
  readonly jobId: string;
  readonly arm: TrainedArm;
  readonly window: { readonly from: number; readonly to: number };
  /** GPT-NeoX's save folder, or one global_stepN in it. */
  readonly from: string;
  /** Default: the one that the file `latest` names. */
  readonly step?: number | undefined;
  /** The export that GPT-NeoX was given; default: the folder around `from`, where it is one. */
  readonly exportFolder?: string | undefined;
  readonly configPath: string;
  readonly home: string;
}

export interface ImportedForJob {
  /** What the server is told: OutsideCheckpoint of the API. */
  readonly checkpoint: {
    readonly arm: TrainedArm;
    readonly step: number;
    readonly path: string;
    readonly manifestSha256: string;
    readonly sizeBytes: number;
    readonly origin: {
      readonly engine: 'gpt-neox';
      readonly folder: string;
      readonly files: Readonly<Record<string, string>>;
      readonly exportManifestSha256: string | null;
    };
  };
  readonly imported: Imported;
}

/** A line of about 600 bytes for each of a window's steps. */
const MOST_MANIFEST_BYTES = 2 ** 27;

const exportManifest = z.object({
  format: z.literal('tiresias-neox-export-1'),
  job: z.object({ id: z.string() }),
  arm: z.string(),
});

/**
 * Imports the weights into the job's folder, whole or not at all. Throws InputError when job, arm or step do not fit or the step is there already, DataError
 * for damaged files.
 */
export async function importForJob(request: NeoxImport): Promise<ImportedForJob> {
  const { jobId, arm, window, home } = request;
  const source = sourceFolder(request);
  const exportManifestSha256 = await checkExport(request);
  const parent = join(home, 'jobs', jobId, 'outside', arm);
  const temporary = join(parent, `importing.writing-${process.pid}`);
  rmSync(temporary, { recursive: true, force: true });
  try {
    const imported = importCheckpoint(source, temporary, { configPath: request.configPath, weightsOnly: true });
    const { step } = imported.state;
    if (step <= window.from || step > window.to)
      throw new InputError(
        `${source}: is step ${step}; the window of job ${jobId} begins after step ${window.from} and ends at ${window.to}`,
      );
    const path = join(parent, `step-${step}`);
    if (existsSync(path)) throw new InputError(`${path}: step ${step} of ${arm} has been imported before`);
    const { manifestSha256, sizeBytes } = await writeManifest(temporary, step, false);
    const files = await hashFiles(source);
    renameSync(temporary, path);
    const origin = { engine: 'gpt-neox', folder: resolve(source), files, exportManifestSha256 } as const;
    return { checkpoint: { arm, step, path, manifestSha256, sizeBytes, origin }, imported };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function sourceFolder({ from, step }: NeoxImport): string {
  const named = step === undefined ? from : join(from, `global_step${step}`);
  const folder = step !== undefined && basename(from) === `global_step${step}` ? from : named;
  if (!existsSync(folder)) throw new InputError(`${folder}: expected a checkpoint of GPT-NeoX, found none`);
  const found = findStepFolder(folder);
  if (found !== undefined) return found;
  throw new InputError(`${folder}: expected the file latest, or a folder global_stepN, found neither`);
}

/** SHA-256 of the export's manifest, which must be of this job and arm; null when there is none to be found. */
async function checkExport({ jobId, arm, from, exportFolder }: NeoxImport): Promise<string | null> {
  const around = [from, dirname(resolve(from)), dirname(dirname(resolve(from)))];
  for (const folder of exportFolder === undefined ? around : [exportFolder]) {
    const path = join(folder, 'manifest.json');
    const manifest = existsSync(path) ? exportManifest.safeParse(readJsonFile(path, MOST_MANIFEST_BYTES)) : undefined;
    if (manifest?.success !== true) continue; // of something else
    const { job, arm: exported } = manifest.data;
    if (job.id === jobId && exported === arm) return fileSha256(path);
    throw new InputError(`${path}: is the export of ${exported} of job ${job.id}, not of ${arm} of job ${jobId}`);
  }
  if (exportFolder === undefined) return null;
  throw new InputError(`${exportFolder}: expected an export for GPT-NeoX with its manifest.json, found none`);
}

async function hashFiles(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    if (statSync(path).isFile()) files[name] = await fileSha256(path);
  }
  return files;
}
