// The cache folder that Hugging Face's own tools share: models--ORG--NAME/{blobs/ETAG, snapshots/COMMIT/FILE → blob, refs/REVISION}. The library's
// scanCachedRepo is not used: it fails for a repository when any one ref of it has no snapshot, which Python's client leaves behind.
import { getRepoFolderName } from '@huggingface/hub';
import { existsSync, lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { DataError } from '../../errors.ts';
import { checkFileName, type HubRepo } from './address.ts';
import type { HubFile } from './repository.ts';

/** The folder of a repository in the cache, there or not. */
export function repoFolder(cacheFolder: string, { kind, repo }: HubRepo): string {
  return join(cacheFolder, getRepoFolderName({ name: repo, type: kind === 'models' ? 'model' : 'dataset' }));
}

/** Where a file's bytes lie. */
export function blobPath(folder: string, { etag }: Pick<HubFile, 'etag'>): string {
  return join(folder, 'blobs', etag);
}

/** The snapshot that a revision names in the cache; undefined when the cache does not know it. Throws DataError for a damaged ref. */
export function cachedSnapshot(folder: string, revision: string): string | undefined {
  const ref = join(folder, 'refs', checkFileName(revision, folder));
  if (!existsSync(ref)) return undefined;
  const commit = readFileSync(ref, 'utf8').trim();
  if (!/^[0-9a-f]{40}$/.test(commit)) {
    throw new DataError(`${ref}: expected a commit of 40 hex digits, found ${JSON.stringify(commit.slice(0, 60))}; remove it`);
  }
  const snapshot = join(folder, 'snapshots', commit);
  return existsSync(snapshot) ? snapshot : undefined;
}

/** Puts a file whose blob is there into a snapshot, and returns its path; the snapshot's folder must not lead elsewhere. */
export function addToSnapshot(folder: string, commit: string, file: HubFile): string {
  const snapshot = join(folder, 'snapshots', commit);
  const path = placeBelow(snapshot, file.path);
  const target = relative(dirname(path), blobPath(folder, file));
  const temporary = `${path}.${process.pid}.tmp`;
  symlinkSync(target, temporary);
  renameSync(temporary, path); // over a link of an earlier listing, or the same one
  return path;
}

/** Names a commit by a revision, once all its files are there. */
export function writeRef(folder: string, revision: string, commit: string): void {
  const path = placeBelow(join(folder, 'refs'), revision);
  writeFileSync(`${path}.${process.pid}.tmp`, commit);
  renameSync(`${path}.${process.pid}.tmp`, path);
}

/**
 * The path of a name below a folder, with the folders between made. Throws DataError when the name, or a link that stands in its way, leads out.
 */
export function placeBelow(folder: string, name: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, checkFileName(name, folder));
  const root = realpathSync(folder);
  const parts = name.split('/').slice(0, -1);
  for (let depth = 1; depth <= parts.length; depth++) {
    const between = join(folder, ...parts.slice(0, depth));
    const isThere = lstatSync(between, { throwIfNoEntry: false }) !== undefined;
    if (!isThere) mkdirSync(between);
    else if (!`${realpathSync(between)}${sep}`.startsWith(`${root}${sep}`)) {
      throw new DataError(`${between}: expected a folder below ${folder}, found a link that leads out of it; remove it`);
    }
  }
  return path;
}
