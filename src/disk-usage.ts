// What the service keeps on its disk: the jobs' folders and the caches below the home folder, and what the quota and the file system leave.
import type { Dirent } from 'node:fs';
import { readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface DiskUsage {
  readonly usedBytes: number;
  /** Null where none is set. */
  readonly quotaBytes: number | null;
  /** Of the file system, for this user. */
  readonly freeBytes: number;
}

/** The folders below a home folder that the quota is of. */
export const MEASURED = ['jobs', 'cache'] as const;

/** Reads it; what disappears meanwhile counts as gone. */
export async function readDiskUsage(home: string, quotaBytes: number | undefined): Promise<DiskUsage> {
  const sizes = await Promise.all(MEASURED.map((name) => folderBytes(join(home, name))));
  const { bavail, bsize } = await statfs(home);
  return {
    usedBytes: sizes.reduce((sum, size) => sum + size, 0),
    quotaBytes: quotaBytes ?? null,
    freeBytes: bavail * bsize,
  };
}

/** The same, read at most once in `everyMs`: a disk of many files takes a while. */
export function diskGauge(home: string, quotaBytes: number | undefined, everyMs = 60_000): () => Promise<DiskUsage> {
  let [readMs, usage]: [number, Promise<DiskUsage> | undefined] = [0, undefined];
  return () => {
    if (usage === undefined || performance.now() - readMs > everyMs) {
      readMs = performance.now();
      usage = readDiskUsage(home, quotaBytes);
      usage.catch(() => (usage = undefined)); // asked again the next time
    }
    return usage;
  };
}

/** Bytes of all files below a folder, or of the file; links are not followed; 0 for what is not there. */
export async function folderBytes(path: string): Promise<number> {
  let sum = 0;
  for (const entry of await entriesOf(path)) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) sum += await folderBytes(inner);
    else if (entry.isFile()) sum += (await stat(inner).catch(() => undefined))?.size ?? 0;
  }
  return sum;
}

/** The latest moment at which a file below the folder was read or written, in milliseconds since 1970; 0 for none. */
export async function lastUsedMs(path: string): Promise<number> {
  let last = 0;
  for (const entry of await entriesOf(path)) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) last = Math.max(last, await lastUsedMs(inner));
    else {
      const found = await stat(inner).catch(() => undefined);
      if (found !== undefined) last = Math.max(last, found.atimeMs, found.mtimeMs);
    }
  }
  return last;
}

/** What is in a folder; nothing where there is none. */
export async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  });
}
