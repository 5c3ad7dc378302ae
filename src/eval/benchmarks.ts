// Which benchmarks there are, where their files lie and what identifies them. A name of an official set is given only to files
// whose SHA-256 are those published: nyu-mll/crows-pairs data/crows_pairs_anonymized.csv and uclanlp/corefBias WinoBias/wino/data.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { packagePath } from '../package-root.ts';

export const BENCHMARK_KINDS = ['winobias', 'crows-pairs', 'perplexity'] as const;
export type BenchmarkKind = (typeof BENCHMARK_KINDS)[number];

/** A benchmark whose files were found and read once. */
export interface Benchmark {
  readonly name: string;
  readonly kind: BenchmarkKind;
  /** The CSV, the folder of WinoBias files, or the JSON of token rows. */
  readonly path: string;
  /** Of the file; of several files, of their `sha256sum` list in reading order. */
  readonly sha256: string;
  /** Whether every file is an official one. */
  readonly isOfficial: boolean;
}

export interface BenchmarkFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Larger files are refused; the official ones are below half a megabyte. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;

const officialCrowsPairs = 'dfb36986ce0502abbaf7055b9176da3d08d48e07df1251991b5dfbcbceab9d0c';
const officialWinoBias: Readonly<Record<string, string>> = {
  'pro_stereotyped_type1.txt.test': 'db7838907238a758eeb5779e48f38c013b892910d6fe864456c59f04245c6689',
  'anti_stereotyped_type1.txt.test': '331db5bd74bfefebf146a60b67645152a4a1991570d2a56f57154103ac361dd2',
  'pro_stereotyped_type2.txt.test': 'ea1c1fd94fa612e3cc44d7fa3cc4cb76021bb63fdf94f9826f430051e9052438',
  'anti_stereotyped_type2.txt.test': '336571ac1ea8c06cd2aba8e5dd2bd98e00acc0c48da3e4ec5ec7e54eb2633a8f',
  'pro_stereotyped_type1.txt.dev': 'dd55a0d220fe4c0ceb63dd4648223fb4fe1a58d5ad95c116a002ad24b0e292a5',
  'anti_stereotyped_type1.txt.dev': 'a4e0ebae344e78b56f657a42e8ae684b9db7747d177c5e7149c0907ebb7f3bf6',
  'pro_stereotyped_type2.txt.dev': '8f0250de723cea9328e3eaf7169e07936f01aa5909ce7aa580db66eb803f4e86',
  'anti_stereotyped_type2.txt.dev': '763ad829ad724f9a85ead689ba8ca69072020cb1238def6210f0fc6a47b97e59',
};

interface KnownBenchmark {
  readonly kind: BenchmarkKind;
  readonly isOfficial: boolean;
  readonly pathIn: (home: string) => string;
}

const knownBenchmarks: Readonly<Record<string, KnownBenchmark>> = {
  winobias: { kind: 'winobias', isOfficial: true, pathIn: (home) => join(home, 'benchmarks', 'winobias') },
  'crows-pairs': {
    kind: 'crows-pairs',
    isOfficial: true,
    pathIn: (home) => join(home, 'benchmarks', 'crows-pairs', 'crows_pairs_anonymized.csv'),
  },
  'nano-winobias': {
    kind: 'winobias',
    isOfficial: false,
    pathIn: () => packagePath('suite', 'nano', 'benchmarks', 'nano-winobias'),
  },
  'nano-crows-pairs': {
    kind: 'crows-pairs',
    isOfficial: false,
    pathIn: () => packagePath('suite', 'nano', 'benchmarks', 'nano-crows-pairs.csv'),
  },
};

/** The file of an own set of sentence pairs in its folder. */
export const OWN_PAIRS_FILE = 'pairs.csv';

/** The benchmarks that can be asked for by name: the known ones, whether or not their files are there, and own sets. */
export function benchmarkNames(home: string): readonly string[] {
  const folder = join(home, 'benchmarks');
  const entries = existsSync(folder) ? readdirSync(folder).sort() : [];
  return [...Object.keys(knownBenchmarks), ...entries.filter((name) => isOwnName(name) && !isReserved(name))];
}

/**
 * The benchmark of this name: official and own sets from `benchmarks/<name>` in the home folder, the miniature ones from the repository.
 * Throws NotFoundError for an unknown name or missing files, DataError for files that are not those the name stands for.
 */
export function findBenchmark(name: string, home: string): Benchmark {
  const known = Object.hasOwn(knownBenchmarks, name) ? knownBenchmarks[name] : undefined;
  if (known === undefined) {
    if (benchmarkNames(home).includes(name)) return ownBenchmark(name, home);
    throw new NotFoundError(
      `there is no benchmark "${name}"; known are ${benchmarkNames(home).join(', ')}; take one in with \`tiresias benchmarks add\``,
    );
  }
  const path = known.pathIn(home);
  const benchmark = identify(known.kind, path, name);
  if (known.isOfficial && officialName(known.kind, readBenchmarkFiles(known.kind, path)) !== name) {
    throw new DataError(
      `${path}: these are not the official files of ${name} (SHA-256 ${benchmark.sha256}); fetch them again`,
    );
  }
  return benchmark;
}

/**
 * A benchmark from a file or folder of the caller's. Official files get the official name (`winobias-dev` and `winobias-type1` say
 * which part), all others `ownName`, or `own-<kind>`. Throws InputError when an own set asks for an official name,
 * NotFoundError or DataError for files that are not there or not readable.
 */
export function openBenchmark(kind: BenchmarkKind, path: string, ownName?: string): Benchmark {
  if (ownName !== undefined && !isOwnName(ownName)) {
    throw new InputError(
      `a benchmark's name starts with a letter or digit and holds letters, digits, _ . -; not "${ownName}"`,
    );
  }
  const official = officialName(kind, readBenchmarkFiles(kind, path));
  if (ownName !== undefined && ownName !== official && isReserved(ownName)) {
    throw new InputError(`${path}: its SHA-256 is not that of ${ownName}; give the set a name of its own`);
  }
  const packaged = Object.entries(knownBenchmarks).find(
    ([, known]) => known.kind === kind && known.pathIn('') === resolve(path),
  );
  return identify(kind, path, ownName ?? official ?? packaged?.[0] ?? `own-${kind}`);
}

/** Reads the files of a benchmark in the order in which their items are counted, with their SHA-256. */
export function readBenchmarkFiles(kind: BenchmarkKind, path: string): readonly BenchmarkFile[] {
  const paths = kind === 'winobias' ? winoBiasPaths(path) : [path];
  return paths.map(readBenchmarkFile);
}

/** What identifies a benchmark: the file's SHA-256, or that of the list `<sha256>  <name>\n` when there are several. */
export function benchmarkSha256(files: readonly BenchmarkFile[]): string {
  const [only] = files;
  if (files.length === 1 && only !== undefined) return only.sha256;
  return sha256(files.map((file) => `${file.sha256}  ${file.name}\n`).join(''));
}

/** The file's text; throws DataError when it is not UTF-8. */
export function textOf(file: BenchmarkFile): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(file.bytes);
  } catch (error) {
    throw new DataError(`${file.path}: expected UTF-8 text`, { cause: error });
  }
}

function identify(kind: BenchmarkKind, path: string, name: string): Benchmark {
  const files = readBenchmarkFiles(kind, path);
  return {
    name,
    kind,
    path: resolve(path),
    sha256: benchmarkSha256(files),
    isOfficial: officialName(kind, files) !== null,
  };
}

function ownBenchmark(name: string, home: string): Benchmark {
  const folder = join(home, 'benchmarks', name);
  const pairs = join(folder, OWN_PAIRS_FILE);
  return existsSync(pairs) ? openBenchmark('crows-pairs', pairs, name) : openBenchmark('winobias', folder, name);
}

/** Whether a set may have this name. */
export function isOwnName(name: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,199}$/.test(name);
}

/** Whether a name belongs to a known set. */
export function isReserved(name: string): boolean {
  return Object.hasOwn(knownBenchmarks, name) || /^(winobias|crows-pairs|nano)-/.test(name);
}

function officialName(kind: BenchmarkKind, files: readonly BenchmarkFile[]): string | null {
  if (kind === 'crows-pairs') return files.every((file) => file.sha256 === officialCrowsPairs) ? 'crows-pairs' : null;
  if (kind !== 'winobias' || !files.every((file) => file.sha256 === officialWinoBias[file.name])) return null;
  const dev = files.some((file) => file.name.endsWith('.dev')) ? '-dev' : '';
  const types = ['type1', 'type2'].filter((type) => files.some((file) => file.name.includes(type)));
  return `winobias${dev}${types.length === 1 ? `-${types[0]!}` : ''}`; // one type was found
}

function winoBiasPaths(folder: string): string[] {
  const names = listFolder(folder).filter((name) => /^(pro|anti)_stereotyped_type[12]\.txt\.(test|dev)$/.test(name));
  const split = names.some((name) => name.endsWith('.test')) ? 'test' : 'dev';
  const ofSplit = names.filter((name) => name.endsWith(`.${split}`));
  const paths: string[] = [];
  for (const type of ['type1', 'type2']) {
    const twins = ['pro', 'anti'].map((side) => `${side}_stereotyped_${type}.txt.${split}`);
    const missing = twins.filter((name) => !ofSplit.includes(name));
    if (missing.length === 1)
      throw new DataError(`${folder}: expected ${missing[0]!} beside its twin; it is not there`); // length 1
    if (missing.length === 0) paths.push(...twins.map((name) => join(folder, name)));
  }
  if (paths.length === 0) {
    throw new DataError(`${folder}: expected WinoBias files such as pro_stereotyped_type1.txt.test; found none`);
  }
  return paths;
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw new NotFoundError(`${folder}: expected a folder of WinoBias files: ${messageOf(error)}`);
  }
}

/** One file with its SHA-256. Throws NotFoundError, or DataError for one that is too large. */
export function readBenchmarkFile(path: string): BenchmarkFile {
  let bytes;
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) {
      throw new DataError(`${path}: ${size} bytes are more than a benchmark may have (${MAX_FILE_BYTES})`);
    }
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new NotFoundError(`${path}: expected a benchmark file: ${messageOf(error)}`);
  }
  return { name: basename(path), path, bytes, sha256: sha256(bytes) };
}

function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}
