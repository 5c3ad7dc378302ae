// `tiresias benchmarks`: which benchmarks are here, and taking files in: official ones, fetched or copied, told by their SHA-256 alone, so that
// no changed file is ever scored under an official name, and own sets in their formats.
import { Option, type Command } from 'commander';
import { openCatalog } from '../catalog.ts';
import { DataError, InputError, NotFoundError } from '../errors.ts';
import { NOT_VERIFIED, OFFICIAL_SETS, REVISED_PAIRS } from '../eval/benchmark-sources.ts';
import { verifyBenchmarks } from '../eval/benchmark-verify.ts';
import { CONLL_SET, type Benchmark } from '../eval/benchmarks.ts';
import { countItems } from '../eval/scoring-task.ts';
import { homeFolder, hubAccess } from '../settings.ts';
import { fetchPinned } from '../suite/hub/pinned.ts';
import { addOfficial, addOwn, inScratch, OWN_KINDS, writeBelow, type OwnKind } from './benchmark-folders.ts';
import { addReferenceCommand } from './benchmarks-reference.ts';
import { formatTable, printable } from './table.ts';
import { hubClient, say, untilStopped } from './until-stopped.ts';

interface AddOptions {
  readonly from: string;
  readonly kind?: OwnKind;
  readonly templates?: string;
  readonly json?: true;
}

const OFFICIAL_NAMES = Object.keys(OFFICIAL_SETS).join(', ');

export function addBenchmarksCommand(program: Command): void {
  const benchmarks = program.command('benchmarks').description('stereotype and capability benchmarks');
  benchmarks
    .command('list')
    .description('which benchmarks are here, checked by SHA-256, with citation and licence, and how to get the others')
    .option('--json', 'print {"benchmarks": […]}')
    .addHelpText('after', '\nExample:\n  $ tiresias benchmarks list')
    .action(list);
  addPullCommand(benchmarks);
  addReferenceCommand(benchmarks);
  benchmarks
    .command('verify')
    .description('read every set on disk again and say which are as pinned, which changed, which are own sets')
    .option('--json', 'print {"benchmarks": […]}')
    .addHelpText(
      'after',
      '\nExit code 2 when any is not what its name says.\n\nExample:\n  $ tiresias benchmarks verify',
    )
    .action(verify);
  benchmarks
    .command('add')
    .description('copy the files of a set to where jobs find them')
    .argument('<name>', `${OFFICIAL_NAMES}, ${REVISED_PAIRS}, or a name of your own`)
    .requiredOption('--from <path>', 'the file of the set, or the folder of WinoBias files')
    .addOption(new Option('--kind <kind>', "form of an own set's files (default: crows-pairs)").choices(OWN_KINDS))
    .addOption(templatesOption())
    .option('--json', 'print the benchmark')
    .addHelpText(
      'after',
      '\nUnder an official name only the official files are taken, told by their SHA-256.' +
        `\n${REVISED_PAIRS} takes the revised English pairs: ${NOT_VERIFIED}, only their number is checked.` +
        '\n\nExamples:\n  $ tiresias benchmarks add winobias --from corefBias/WinoBias/wino/data' +
        '\n  $ tiresias benchmarks add my-pairs --from my-pairs.csv' +
        '\n  $ tiresias benchmarks add my-passages --kind lambada --from passages.jsonl' +
        '\n  $ tiresias benchmarks add my-answers --kind winobias-conll --from conll --templates templates',
    )
    .action(add);
}

function addPullCommand(benchmarks: Command): void {
  benchmarks
    .command('pull')
    .description('fetch an official set from where it is published, or from a mirror; whole or not at all')
    .argument('<name>', OFFICIAL_NAMES)
    .option('--from <place>', 'a folder or http(s) address that has the files under their names')
    .addOption(templatesOption())
    .option('--json', 'print the benchmark')
    .addHelpText(
      'after',
      '\nPublished at:\n' +
        formatTable(Object.entries(OFFICIAL_SETS).map(([name, { page, licence }]) => [`  ${name}`, page, licence])) +
        '\nExamples:\n  $ tiresias benchmarks pull crows-pairs\n  $ tiresias benchmarks pull winobias --from corefBias/WinoBias/wino/data',
    )
    .action(pull);
}

function templatesOption(): Option {
  return new Option(
    '--templates <folder>',
    `of ${CONLL_SET}: PromptSource's templates/wino_bias, where --from has no folder templates of its own`,
  );
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
    const { name, source } = benchmark;
    if (source === null && 'sha256' in benchmark) continue;
    const facts = source === null ? [] : [source.citation, `licence ${source.licence}`, source.page];
    const lines = 'sha256' in benchmark ? facts : [...facts, benchmark.detail, howToGet(name)];
    process.stdout.write(`\n${name}\n${lines.map((line) => `  ${line}\n`).join('')}`);
  }
}

function howToGet(name: string): string {
  if (Object.hasOwn(OFFICIAL_SETS, name)) return `get it: tiresias benchmarks pull ${name}`;
  return name === REVISED_PAIRS
    ? `take it in: tiresias benchmarks add ${name} --from FILE`
    : 'run `npm run setup` again';
}

function originOf({ name, isOfficial }: { readonly name: string; readonly isOfficial: boolean }): string {
  if (isOfficial) return 'official files';
  if (name === REVISED_PAIRS) return NOT_VERIFIED;
  return name.startsWith('nano-') ? 'part of the nano suite' : 'own set';
}

interface PullOptions {
  readonly from?: string;
  readonly templates?: string;
  readonly json?: true;
}

async function pull(name: string, { from, templates, json }: PullOptions): Promise<void> {
  if (name === REVISED_PAIRS) {
    throw new InputError(
      `${name}: ${NOT_VERIFIED}, so it is not fetched; export it and run \`tiresias benchmarks add\``,
    );
  }
  if (!Object.hasOwn(OFFICIAL_SETS, name)) {
    throw new NotFoundError(`no official benchmark is called "${name}"; there are ${OFFICIAL_NAMES}`);
  }
  const isRemote = from === undefined || /^https?:\/\//.test(from);
  if (!isRemote) return tell(addOfficial(name, from, templates), json);
  if (from === undefined && hubAccess().isOffline) {
    throw new InputError('offline (HF_HUB_OFFLINE): give a folder that has the files with --from');
  }
  await untilStopped('nothing was taken', async (signal, show) => {
    const { files } = OFFICIAL_SETS[name]!; // looked up above
    const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const client = hubClient(signal, 6);
    let done = 0;
    await inScratch(name, async (folder) => {
      for (const file of files) {
        const url = from === undefined ? file.url : `${from.replace(/\/+$/, '')}/${file.name}`;
        const count = (numBytes: number) => show(total, (done += numBytes), `bytes, ${file.name}`);
        writeBelow(folder, file.name, await fetchPinned(client, { ...file, url }, count));
      }
      tell(addOfficial(name, folder), json);
    });
  });
}

function verify({ json }: { json?: true }): void {
  const reports = verifyBenchmarks(homeFolder());
  if (json) process.stdout.write(`${JSON.stringify({ benchmarks: reports })}\n`);
  else {
    const rows = reports.map(({ name, state, numItems, sha256, detail }) => [
      ...[name, state, numItems === null ? '' : `${numItems} items`, sha256 === null ? '' : `SHA-256 ${sha256}`],
      printable(detail),
    ]);
    process.stdout.write(formatTable(rows));
  }
  const faulty = reports.filter(({ state }) => state === 'changed' || state === 'faulty');
  if (faulty.length > 0) {
    throw new DataError(`not what they are called: ${faulty.map(({ name }) => name).join(', ')}`);
  }
}

function add(name: string, { from, kind, templates, json }: AddOptions): void {
  const isOfficial = Object.hasOwn(OFFICIAL_SETS, name);
  const benchmark = isOfficial ? addOfficial(name, from, templates) : addOwn(name, from, kind, templates);
  tell(benchmark, json);
  if (!isOfficial) say(`${countItems(benchmark)} items${name === REVISED_PAIRS ? `, ${NOT_VERIFIED}` : ''}`);
}

function tell(benchmark: Benchmark, json: true | undefined): void {
  process.stdout.write(json ? `${JSON.stringify(benchmark)}\n` : `${benchmark.path}\n`);
}
