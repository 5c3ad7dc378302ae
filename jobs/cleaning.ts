// What lies on the disk and nobody needs: found first, so that it can be shown, then removed one by one. Below jobs/ID/ only what the program itself has made is ever
// touched: attempt-N/ARM/step-S, attempt-N/burn-in and slurm/*.log; and only of jobs that are over, because an attempt of one that is not may still be writing.
import { rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { asStorageError } from '../src/checkpoint/storage-faults.ts';
import { entriesOf, folderBytes, lastUsedMs } from '../src/disk-usage.ts';
import { isUuid } from '../src/store/jobs.ts';
import type { Database } from '../src/store/database.ts';
import {
  datasetsInUse,
  foldersOfEnded,
  forgetRemovable,
  removableCheckpoints,
  whileOver,
  type Keeping,
  type RemovableCheckpoint,
} from '../src/store/retention.ts';

export interface Rubbish {
  readonly kind: 'checkpoint' | 'burn-in' | 'leftover' | 'cache';
  readonly path: string;
  readonly sizeBytes: number;
  /** Of a checkpoint: its row. */
  readonly row?: RemovableCheckpoint;
  /** Of what a job left: which. */
  readonly jobId?: string;
}

export interface CleaningOptions {
  readonly home: string;
  readonly keeping: Keeping;
  /** Jobs that ended, and caches that were used, within this time are left alone. */
  readonly olderThanMs: number;
}

/** A trainer that outlives its worker may write for so long after its job's end. */
const STILL_WRITING_MS = 30 * 60_000;
const REMOVING = '.removing';

/** Finds it all. */
export async function findRubbish(database: Database, options: CleaningOptions): Promise<Rubbish[]> {
  const checkpoints = await removableCheckpoints(database, options.keeping, options.olderThanMs);
  const folders = checkpoints.map((row): Rubbish => ({
    kind: 'checkpoint',
    path: row.path,
    sizeBytes: row.sizeBytes,
    row,
  }));
  return [...folders, ...(await findLeftovers(database, options)), ...(await findCaches(database, options))];
}

/** What attempts of jobs that are over left without a row: half-written or pruned checkpoints, logs of Slurm; and burn-ins, from which only a job at work starts. */
async function findLeftovers(database: Database, { home, olderThanMs }: CleaningOptions): Promise<Rubbish[]> {
  const root = join(home, 'jobs');
  const ids = (await entriesOf(root)).map(({ name }) => name).filter(isUuid);
  const ended = await foldersOfEnded(database, ids, Math.min(olderThanMs, STILL_WRITING_MS));
  const old = await foldersOfEnded(database, ids, olderThanMs);
  const found: Rubbish[] = [];
  for (const [jobId, kept] of ended) {
    const add = async (kind: Rubbish['kind'], path: string) => {
      found.push({ kind, path, jobId, sizeBytes: await folderBytes(path) });
    };
    for (const folder of await armFolders(join(root, jobId))) {
      const name = basename(folder);
      if (name === 'burn-in') {
        if (old.has(jobId)) await add('burn-in', folder);
      } else if (name.endsWith(REMOVING)) await add('leftover', folder);
      else for (const path of await stepFolders(folder)) if (!kept.has(path)) await add('leftover', path);
    }
    const slurm = join(root, jobId, 'slurm');
    if (old.has(jobId) && (await entriesOf(slurm)).length > 0) await add('leftover', slurm);
  }
  return found;
}

async function armFolders(job: string): Promise<string[]> {
  const attempts = (await entriesOf(job)).filter(({ name }) => /^attempt-\d+$/.test(name));
  const arms = await Promise.all(
    attempts.map(async ({ name }) => (await entriesOf(join(job, name))).map((arm) => join(job, name, arm.name))),
  );
  return arms.flat();
}

async function stepFolders(arm: string): Promise<string[]> {
  return (await entriesOf(arm)).filter(({ name }) => /^step-\d+/.test(name)).map(({ name }) => join(arm, name));
}

/** Blocks of datasets on the network that no unfinished job reads; they are fetched again when they are needed. */
async function findCaches(database: Database, { home, olderThanMs }: CleaningOptions): Promise<Rubbish[]> {
  const root = join(home, 'cache', 'datasets');
  const inUse = await datasetsInUse(database);
  const found: Rubbish[] = [];
  for (const { name } of await entriesOf(root)) {
    const path = join(root, name);
    if (inUse.has(name) || Date.now() - (await lastUsedMs(path)) < olderThanMs) continue;
    found.push({ kind: 'cache', path, sizeBytes: await folderBytes(path) });
  }
  return found;
}

/** Removes one; false when it is needed by now. Throws StorageError. */
export async function removeRubbish(database: Database, { path, row, jobId }: Rubbish): Promise<boolean> {
  try {
    if (row !== undefined) {
      if (!(await forgetRemovable(database, row))) return false;
      await rm(path, { recursive: true, force: true });
    } else if (jobId !== undefined) {
      const removing = path.endsWith(REMOVING) ? path : path + REMOVING;
      // A job that is retried may look for its burn-in at any time: it finds it whole or not at all.
      if (!(await whileOver(database, jobId, () => rename(path, removing)))) return false;
      await rm(removing, { recursive: true, force: true });
    } else await rm(path, { recursive: true, force: true });
    return true;
  } catch (error) {
    throw await asStorageError(error, path);
  }
}
