// What was once checked whole and has not changed since: the index and index arrays of packed documents take minutes to check at the Pile's
// size, so a cache folder keeps which files were found right. Entries are checked when they are read in any case.
import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

export interface Seal {
  /** Tokens of all documents, as the whole index told. */
  readonly numTokens: number;
  /** Path or URL of each file → its fingerprint when it was checked. */
  readonly files: Readonly<Record<string, string>>;
}

/** The part of an open file that a seal looks at. */
export interface Sealable {
  readonly path: string;
  /** Differs once the file was written to or replaced. */
  fingerprint(): string;
}

/** The seal at a path; undefined when there is none or it cannot be read: then all is checked again. */
export function readSeal(path: string): Seal | undefined {
  try {
    const seal = JSON.parse(readFileSync(path, 'utf8')) as Partial<Seal> | null;
    const isSeal = Number.isSafeInteger(seal?.numTokens) && typeof seal?.files === 'object' && seal.files !== null;
    return isSeal ? (seal as Seal) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a file is the one that was checked. */
export function isSealed(seal: Seal | undefined, file: Sealable): boolean {
  return seal !== undefined && Object.hasOwn(seal.files, file.path) && seal.files[file.path] === file.fingerprint();
}

/** Remembers that these files were checked whole, or made here. */
export function writeSeal(path: string, numTokens: number, files: readonly Sealable[]): void {
  const seal: Seal = { numTokens, files: Object.fromEntries(files.map((file) => [file.path, file.fingerprint()])) };
  const temporary = `${path}.${randomUUID()}.tmp`; // threads of one process may write it at once
  try {
    writeFileSync(temporary, `${JSON.stringify(seal)}\n`, { flush: true });
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
