// Faults of the place where checkpoints are kept – a full disk, a folder that takes no writes – by name, with what to do.
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StorageError } from '../errors.ts';

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space there',
  EDQUOT: 'the quota is used up: free some space there, or have it raised',
  EROFS: 'the file system takes no writes: mount it for writing',
  EACCES: 'no permission to write there: change the owner or the mode of the folder',
  EPERM: 'no permission to write there: change the owner or the mode of the folder',
  EIO: 'the disk reports a fault: look at the system log',
};

/** The error with its name, when storage is what it is about; else as it is. */
export async function asStorageError(error: unknown, folder: string): Promise<unknown> {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const words = code === undefined ? undefined : WORDS[code];
  if (code === undefined || words === undefined) return error;
  const free = code === 'ENOSPC' ? await freeBytes(folder) : undefined;
  const left = free === undefined ? '' : ` (${Math.round(free / 1e6)} MB are left)`;
  return new StorageError(
    `${folder}: could not be written, ${code}: ${words}${left}, then retry the job; it goes on from its last checkpoint`,
    { cause: error },
  );
}

/** Bytes that the file system of a folder, or of the nearest one above it that exists, has left for this user. */
async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return dirname(folder) === folder ? undefined : freeBytes(dirname(folder));
  }
}
