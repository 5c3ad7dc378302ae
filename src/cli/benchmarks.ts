// `tiresias benchmarks`: which benchmarks are here, and taking the official files in. Official sets are told by their SHA-256 alone,
// so that no changed file is ever scored under an official name.
import { Argument, type Command } from 'commander';
import { mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCatalog } from '../catalog.ts';
import { InputError, messageOf } from '../errors.ts';
import { openBenchmark, readBenchmarkFiles, type Benchmark, type BenchmarkKind } from '../eval/benchmarks.ts';
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
    .description('copy official files to where jobs find them; refused unless their SHA-256 are the published ones')
    .addArgument(new Argument('<name>', 'the set').choices(Object.keys(OFFICIAL_SETS)))
    .requiredOption('--from <path>', 'the CSV of CrowS-Pairs, or the folder of WinoBias files')
    .option('--json', 'print the benchmark')
    .addHelpText(
      'after',
      '\nWhere the official files are:\n' +
        formatTable(Object.entries(OFFICIAL_SETS).map(([name, { source }]) => [`  ${name}`, source])) +
        '\nExample:\n  $ tiresias benchmarks add winobias --from corefBias/WinoBias/wino/data',
    )
    .action((name: string, { from, json }: { from: string; json?: true }) => {
      const benchmark = addOfficial(name, OFFICIAL_SETS[name]!, from); // commander checked the name
      process.stdout.write(json ? `${JSON.stringify(benchmark)}\n` : `${benchmark.path}\n`);
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
    'sha256' in benchmark ? (benchmark.isOfficial ? 'official files' : 'part of the nano suite') : 'not here',
    'sha256' in benchmark ? `SHA-256 ${benchmark.sha256}` : '',
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

/** Copies an official set to its place in the home folder, whole or not at all. Throws InputError when it is not official. */
function addOfficial(name: string, { kind, file, source }: OfficialSet, from: string): Benchmark {
  const files = readBenchmarkFiles(kind, file !== undefined && isFolder(from) ? join(from, file) : from);
  const parent = join(homeFolder(), 'benchmarks');
  const staging = join(parent, `.${name}-${process.pid}`);
  const place = join(parent, name);
  const inPlace = file === undefined ? place : join(place, file);
  mkdirSync(staging, { recursive: true });
  try {
    // What is checked is the copy, so that nothing can change between the check and its use.
    for (const { name: own, bytes } of files) writeFileSync(join(staging, file ?? own), bytes);
    const copy = openBenchmark(kind, file === undefined ? staging : join(staging, file));
    if (copy.name !== name) {
      const found = copy.isOfficial ? `only a part of it, ${copy.name}` : `other files, SHA-256 ${copy.sha256}`;
      throw new InputError(`${from}: expected the official files of ${name}, found ${found}; get them from ${source}`);
    }
    putInPlace(staging, place);
    return openBenchmark(kind, inPlace);
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
