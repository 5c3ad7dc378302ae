// Taking a set in: its files are copied to benchmarks/NAME in the home folder, whole or not at all, and only as what they are.
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { InputError, messageOf } from '../errors.ts';
import { OFFICIAL_SETS, REVISED_PAIRS } from '../eval/benchmark-sources.ts';
import {
  isFolderKind,
  isOwnName,
  isReserved,
  openBenchmark,
  OWN_FILES,
  readBenchmarkFile,
  readBenchmarkFiles,
  readConllFiles,
  type Benchmark,
  type BenchmarkFile,
  type BenchmarkKind,
} from '../eval/benchmarks.ts';
import { conllFolder } from '../eval/pythia-em-files.ts';
import { countItems } from '../eval/scoring-task.ts';
import { homeFolder } from '../settings.ts';

/** Forms of own sets' files that `--kind` names. */
export const OWN_KINDS = [...(Object.keys(OWN_FILES) as (keyof typeof OWN_FILES)[]), 'winobias-conll'] as const; // keys of a constant
export type OwnKind = (typeof OWN_KINDS)[number];

/** Copies an official set to its place in the home folder. Throws InputError when it is not official. */
export function addOfficial(name: string, from: string, templates?: string): Benchmark {
  const { kind, files, page } = OFFICIAL_SETS[name]!; // the caller has looked
  const check = (path: string) => {
    const copy = openBenchmark(kind, path);
    if (copy.name === name) return;
    const found = copy.isOfficial ? `only a part of it, ${copy.name}` : `other files, SHA-256 ${copy.sha256}`;
    throw new InputError(`${from}: expected the official files of ${name}, found ${found}; get them from ${page}`);
  };
  if (kind === 'winobias-conll') return copyIn(name, kind, undefined, conllFiles(from, templates), check);
  const file = isFolderKind(kind) ? undefined : files[0]!.name; // of the others there is one
  const paths = isFolder(from) ? files.map((one) => join(from, one.name)) : [from];
  const there = file === undefined ? paths.filter((path) => existsSync(path)) : paths;
  return copyIn(name, kind, file, there.map(readBenchmarkFile), check);
}

/** Copies an own set to its place: a folder holds WinoBias files, a file one of `kind`. Throws InputError, DataError. */
export function addOwn(name: string, from: string, kind?: OwnKind, templates?: string): Benchmark {
  const check = (form: BenchmarkKind) => (path: string) => countItems(openBenchmark(form, path, name));
  if (kind === 'winobias-conll') {
    if (!isOwnName(name) || isReserved(name))
      throw new InputError(`${from}: give the set a name of its own: "${name}" is none`);
    return copyIn(name, kind, undefined, conllFiles(from, templates), check(kind));
  }
  const own = kind ?? (name === REVISED_PAIRS ? 'crows-pairs-revised' : 'crows-pairs');
  const [form, file] = isFolder(from) ? (['winobias', undefined] as const) : ([own, OWN_FILES[own]] as const);
  openBenchmark(form, from, name); // refuses a name that is none before anything is made
  return copyIn(name, form, file, readBenchmarkFiles(form, from), check(form));
}

/** Documents and templates under the names that they have in the set. */
function conllFiles(from: string, templates = join(from, 'templates')) {
  const files = readConllFiles(conllFolder(from), templates);
  return files.map((file) => ({ ...file, name: join(file.name.includes('/') ? 'templates' : 'conll', file.name) }));
}

/** Writes files to a folder that is handed to `work` and then removed. */
export function inScratch<T>(name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = join(homeFolder(), 'benchmarks', `.${name}-${process.pid}-arriving`);
  mkdirSync(folder, { recursive: true });
  return work(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

/** Writes files to benchmarks/NAME, under their own names or the one given, whole or not at all; `check` throws when they must not be taken. */
function copyIn(
  name: string,
  kind: BenchmarkKind,
  file: string | undefined,
  files: readonly BenchmarkFile[],
  check: (path: string) => void,
): Benchmark {
  const parent = join(homeFolder(), 'benchmarks');
  const staging = join(parent, `.${name}-${process.pid}`);
  const place = join(parent, name);
  mkdirSync(staging, { recursive: true });
  try {
    // What is checked is the copy, so that nothing can change between the check and its use.
    for (const { name: own, bytes } of files) writeBelow(staging, file ?? own, bytes);
    check(file === undefined ? staging : join(staging, file));
    putInPlace(staging, place);
    return openBenchmark(kind, file === undefined ? place : join(place, file), name);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Writes a file, with the folders that its name names. */
export function writeBelow(folder: string, name: string, bytes: Uint8Array): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

// A folder cannot be renamed over a filled one: what is there goes aside first, and comes back when the renaming fails.
function putInPlace(staging: string, place: string): void {
  const aside = `${staging}-before`;
  const hadOne = isFolder(place);
  if (hadOne) renameSync(place, aside);
  try {
    renameSync(staging, place);
  } catch (error) {
    if (hadOne) renameSync(aside, place);
    throw new InputError(`${place}: cannot be written: ${messageOf(error)}`, { cause: error });
  }
  rmSync(aside, { recursive: true, force: true });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
