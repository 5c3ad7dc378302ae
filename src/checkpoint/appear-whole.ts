// Files and folders that appear under their name when all of them is written and on the disk, and not before.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { InputError } from '../errors.ts';

/** Makes the folder `to` of what `write` puts into the folder it is given. Throws InputError when `to` exists; whatever `write` throws leaves nothing behind. */
export function makeWholeFolder<T>(to: string, write: (folder: string) => T): T {
  const temporary = emptyFolderFor(to);
  try {
    const result = write(temporary);
    putInPlace(temporary, to);
    return result;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The same for what takes its time. */
export async function growWholeFolder<T>(to: string, write: (folder: string) => Promise<T>): Promise<T> {
  const temporary = emptyFolderFor(to);
  try {
    const result = await write(temporary);
    putInPlace(temporary, to);
    return result;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function emptyFolderFor(to: string): string {
  if (existsSync(to))
    throw new InputError(`${to}: expected a name that is free, found a file or folder; remove it or choose another`);
  const temporary = `${to}.writing-${process.pid}`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  return temporary;
}

function putInPlace(temporary: string, to: string): void {
  syncFolder(temporary);
  renameSync(temporary, to);
  syncFolder(dirname(to));
}

/** Writes a file by its descriptor. An earlier file of that name stays until this one is complete. */
export function writeWholeFile(path: string, write: (descriptor: number) => void): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const descriptor = openSync(temporary, 'w');
    try {
      write(descriptor);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
