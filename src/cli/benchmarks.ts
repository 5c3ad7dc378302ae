// `tiresias benchmarks`: which benchmarks are here, and taking files in: official ones, told by their SHA-256 alone, so that no changed
// file is ever scored under an official name, and own sets in their formats.
import type { Command } from 'commander';
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '../catalog.ts';
import { InputError, messageOf } from '../errors.ts';
import {
  openBenchmark,
  OWN_PAIRS_FILE,
  readBenchmarkFiles,
  type Benchmark,
  type BenchmarkKind,
} from '../eval/benchmarks.ts';
import { countItems } from '../eval/score.ts';
import { homeFolder } from '../settings.ts';
import { formatTable } from './table.ts';

interface OfficialSet {
  readonly kind: BenchmarkKind;
  /** The one file of the set; a set without it is a folder. */
  readonly file?: string;
  readonly source: string;
}

const OFFICIAL_SETS: Readonly<Record<string, OfficialSet>> = {
  'crows-pairs': {
    kind: 'crows-pairs',
    file: 'crows_pairs_anonymized.csv',
    source: 'https://github.com/nyu-mll/crows-pairs, data/crows_pairs_anonymized.csv',
  },
  winobias: {
    kind: 'winobias',
    source: 'https://github.com/uclanlp/corefBias, folder WinoBias/wino/data',
  },
};

export function addBenchmarksCommand(program: Command): void {
  const benchmarks = program.command('benchmarks').description('stereotype benchmarks');
  benchmarks
    .command('list')
    .description('which benchmarks are here, checked by SHA-256, and where to get the others')
    .option('--json', 'print {"benchmarks": […]}')
    .addHelpText('after', '\nExample:\n  $ tiresias benchmarks list')
    .action(list);
  benchmarks
    .command('add')
    .description('copy the files of a set to where jobs find them')
    .argument('<name>', `${Object.keys(OFFICIAL_SETS).join(', ')}, or a name of your own for a set in their formats`)
    .requiredOption('--from <path>', 'the CSV of CrowS-Pairs, or the folder of WinoBias files')
    .option('--json', 'print the benchmark')
    .addHelpText(
      'after',
      '\nUnder an official name only the official files are taken, told by their SHA-256. They are here:\n' +
        formatTable(Object.entries(OFFICIAL_SETS).map(([name, { source }]) => [`  ${name}`, source])) +
        '\nExamples:\n  $ tiresias benchmarks add winobias --from corefBias/WinoBias/wino/data' +
        '\n  $ tiresias benchmarks add my-pairs --from my-pairs.csv',
    )
    .action((name: string, { from, json }: { from: string; json?: true }) => {
      const official = Object.hasOwn(OFFICIAL_SETS, name) ? OFFICIAL_SETS[name] : undefined;
      const benchmark = official === undefined ? addOwn(name, from) : addOfficial(name, official, from);
      process.stdout.write(json ? `${JSON.stringify(benchmark)}\n` : `${benchmark.path}\n`);
      if (official === undefined) process.stderr.write(`${countItems(benchmark)} items\n`);
    });
}

function list({ json }: { json?: true }): void {
  const benchmarks = openCatalog(homeFolder()).benchmarks();
  if (json) {
    process.stdout.write(`${JSON.stringify({ benchmarks })}\n`);
    return;
  }
  const rows = benchmarks.map((benchmark) => [
    benchmark.name,
    benchmark.sha256 === undefined ? 'not here' : originOf(benchmark),
    benchmark.sha256 === undefined ? '' : `SHA-256 ${benchmark.sha256}`,
  ]);
  process.stdout.write(formatTable(rows));
  for (const benchmark of benchmarks) {
    if ('sha256' in benchmark) continue;
    const { name, detail } = benchmark;
    const source = OFFICIAL_SETS[name]?.source ?? 'run `npm run setup` again';
    process.stdout.write(
      `\n${name}: ${detail}\n  get it from ${source},\n  then run: tiresias benchmarks add ${name} --from PATH\n`,
    );
  }
}

function originOf({ name, isOfficial }: { readonly name: string; readonly isOfficial: boolean }): string {
  if (isOfficial) return 'official files';
  return name.startsWith('nano-') ? 'part of the nano suite' : 'own set';
}

/** Copies an official set to its place in the home folder. Throws InputError when it is not official. */
function addOfficial(name: string, { kind, file, source }: OfficialSet, from: string): Benchmark {
  return copyIn(name, kind, file, file !== undefined && isFolder(from) ? join(from, file) : from, (path) => {
    const copy = openBenchmark(kind, path);
    if (copy.name === name) return;
    const found = copy.isOfficial ? `only a part of it, ${copy.name}` : `other files, SHA-256 ${copy.sha256}`;
    throw new InputError(`${from}: expected the official files of ${name}, found ${found}; get them from ${source}`);
  });
}

/** Copies an own set to its place in the home folder: a folder holds WinoBias files, a file sentence pairs. Throws InputError, DataError. */
function addOwn(name: string, from: string): Benchmark {
  const [kind, file] = isFolder(from) ? (['winobias', undefined] as const) : (['crows-pairs', OWN_PAIRS_FILE] as const);
  openBenchmark(kind, from, name); // refuses a name that is none before anything is made
  return copyIn(name, kind, file, from, (path) => countItems(openBenchmark(kind, path, name)));
}

/** Copies files to benchmarks/NAME, whole or not at all; `check` throws when the copy must not be taken. */
function copyIn(
  name: string,
  kind: BenchmarkKind,
  file: string | undefined,
  from: string,
  check: (path: string) => void,
): Benchmark {
  const parent = join(homeFolder(), 'benchmarks');
  const staging = join(parent, `.${name}-${process.pid}`);
  const place = join(parent, name);
  mkdirSync(staging, { recursive: true });
  try {
    // What is checked is the copy, so that nothing can change between the check and its use.
    for (const { name: own, bytes } of readBenchmarkFiles(kind, from)) writeFileSync(join(staging, file ?? own), bytes);
    check(file === undefined ? staging : join(staging, file));
    putInPlace(staging, place);
    return openBenchmark(kind, file === undefined ? place : join(place, file), name);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
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
