// Which benchmarks there are, where their files lie and what identifies them. A name of an official set is given only to files
// whose SHA-256 are those of src/eval/benchmark-sources.ts.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { packagePath } from '../package-root.ts';
import { OFFICIAL_SETS, REVISED_PAIRS } from './benchmark-sources.ts';

export const BENCHMARK_KINDS = [
  'winobias',
  'winobias-conll',
  'crows-pairs',
  'crows-pairs-revised',
  'lambada',
  'perplexity',
] as const;
export type BenchmarkKind = (typeof BENCHMARK_KINDS)[number];

/** A benchmark whose files were found and read once. */
export interface Benchmark {
  readonly name: string;
  readonly kind: BenchmarkKind;
  /** The file, or the folder of WinoBias files; of those in CoNLL form the folder of `conll` and `templates`. */
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

/** The file of an own set in its folder, by kind; WinoBias has a folder of files under the names of its own. */
export const OWN_FILES = {
  'crows-pairs': 'pairs.csv',
  'crows-pairs-revised': 'revised-pairs',
  lambada: 'passages.jsonl',
} as const;

/** WinoBias in CoNLL form with PromptSource's templates, as `pythia-em` reads it. */
export const CONLL_SET = 'winobias-conll';
export const SUBSETS = ['type1_pro', 'type1_anti', 'type2_pro', 'type2_anti'] as const;
export type Subset = (typeof SUBSETS)[number];

interface KnownBenchmark {
  readonly kind: BenchmarkKind;
  readonly isOfficial: boolean;
  readonly pathIn: (home: string) => string;
}

const knownBenchmarks: Readonly<Record<string, KnownBenchmark>> = {
  ...Object.fromEntries(Object.entries(OFFICIAL_SETS).map(([name, set]) => [name, officialBenchmark(name, set)])),
  [REVISED_PAIRS]: {
    kind: 'crows-pairs-revised',
    isOfficial: false,
    pathIn: (home) => join(home, 'benchmarks', REVISED_PAIRS, OWN_FILES['crows-pairs-revised']),
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
 * which part), all others `ownName`, or `own-<kind>`; revised pairs without a name get the one that says they are not verified. Throws InputError when an own set asks for an official name,
 * NotFoundError or DataError for files that are not there or not readable.
 */
export function openBenchmark(kind: BenchmarkKind, path: string, ownName?: string): Benchmark {
  if (ownName !== undefined && !isOwnName(ownName)) {
    throw new InputError(
      `a benchmark's name starts with a letter or digit and holds letters, digits, _ . -; not "${ownName}"`,
    );
  }
  const official = kind === 'crows-pairs-revised' ? REVISED_PAIRS : officialName(kind, readBenchmarkFiles(kind, path));
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
  if (kind === 'winobias-conll') return readConllFiles(join(path, 'conll'), join(path, 'templates'));
  const paths = kind === 'winobias' ? winoBiasPaths(path) : [path];
  return paths.map(readBenchmarkFile);
}

/** Of each subset its documents and its templates, which are named by their subset. */
export function readConllFiles(conllFolder: string, templatesFolder: string): readonly BenchmarkFile[] {
  return SUBSETS.flatMap((subset) => {
    const templates = readBenchmarkFile(join(templatesFolder, subset, 'templates.yaml'));
    const conll = readBenchmarkFile(join(conllFolder, conllName(subset)));
    return [conll, { ...templates, name: `${subset}/${templates.name}` }];
  });
}

export function conllName(subset: Subset): string {
  return `test_${subset}_stereotype.v4_auto_conll`;
}

/** Whether it is this file of the official set. */
export function isOfficialFile({ name, sha256 }: BenchmarkFile, set: string): boolean {
  return OFFICIAL_SETS[set]?.files.some((file) => file.sha256 === sha256 && file.name.endsWith(name)) ?? false;
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
  for (const [kind, file] of Object.entries(OWN_FILES)) {
    const path = join(folder, file);
    if (existsSync(path)) return openBenchmark(kind as keyof typeof OWN_FILES, path, name); // a key of it
  }
  return openBenchmark(existsSync(join(folder, 'conll')) ? 'winobias-conll' : 'winobias', folder, name);
}

/** Whether a set of this kind is a folder of files. */
export function isFolderKind(kind: BenchmarkKind): boolean {
  return kind === 'winobias' || kind === 'winobias-conll';
}

function officialBenchmark(name: string, { kind, files }: (typeof OFFICIAL_SETS)[string]): KnownBenchmark {
  const file = isFolderKind(kind) ? '' : files[0]!.name; // of the others there is one
  return { kind, isOfficial: true, pathIn: (home) => join(home, 'benchmarks', name, file) };
}

/** Whether a set may have this name. */
export function isOwnName(name: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,199}$/.test(name);
}

/** Whether a name belongs to a known set. */
export function isReserved(name: string): boolean {
  return Object.hasOwn(knownBenchmarks, name) || /^(winobias|crows-pairs|lambada|nano)(-|$)/.test(name);
}

function officialName(kind: BenchmarkKind, files: readonly BenchmarkFile[]): string | null {
  const sets = Object.entries(OFFICIAL_SETS).filter(([, set]) => set.kind === kind);
  const isOf = (file: BenchmarkFile, [name, { files: official }]: (typeof sets)[number]) =>
    isFolderKind(kind) ? isOfficialFile(file, name) : official.some(({ sha256 }) => sha256 === file.sha256);
  const whole = sets.find((set) => files.every((file) => isOf(file, set)));
  if (whole === undefined) return null;
  const types = ['type1', 'type2'].filter((type) => files.some((file) => file.name.includes(type)));
  return kind === 'winobias' && types.length === 1 ? `${whole[0]}-${types[0]!}` : whole[0]; // one type was found
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
