// `tiresias score`: a model folder and a benchmark's files → scores with intervals, and every item.
import { Option, type Command } from 'commander';
import { join } from 'node:path';
import { loadModel } from '../checkpoint/model-folder.ts';
import { readTokenizer } from '../data/tokenizer.ts';
import { NOT_VERIFIED, REVISED_PAIRS } from '../eval/benchmark-sources.ts';
import { openBenchmark, type Benchmark } from '../eval/benchmarks.ts';
import { PROTOCOLS, type Evaluation, type Protocol } from '../eval/evaluation.ts';
import { labelShift, type Label } from '../eval/metrics.ts';
import { evaluateBenchmark } from '../eval/score.ts';
import { scoreEnds } from '../model/ends.ts';
import { tokenLogProbs } from '../model/likelihood.ts';
import { selectBackend, type BackendName, type ChosenBackend } from '../tensor/backend.ts';
import { backendOption } from './backend-option.ts';

interface ScoreOptions {
  readonly model: string;
  readonly benchmark: (typeof KINDS)[number];
  readonly data: string;
  readonly protocol: Protocol;
  readonly name?: string;
  readonly tokenizer?: string;
  readonly backend: BackendName | 'auto';
  readonly json?: true;
}

const KINDS = ['crows-pairs', 'crows-pairs-revised', 'winobias', 'lambada'] as const;

export function addScoreCommand(program: Command): void {
  program
    .command('score')
    .description('scores of a model: stereotypes on CrowS-Pairs or WinoBias, capability on LAMBADA')
    .requiredOption('--model <folder>', 'model folder in Hugging Face layout')
    .addOption(new Option('--benchmark <kind>', 'form of the data').choices(KINDS).makeOptionMandatory())
    .requiredOption(
      '--data <path>',
      'the file of pairs or passages, or the folder of WinoBias files (test files before dev files)',
    )
    .addOption(new Option('--protocol <name>', 'how sentences are scored').choices(PROTOCOLS).default(PROTOCOLS[0]))
    .option('--name <name>', 'name of a set of your own; only official files are called by the official names')
    .option('--tokenizer <file>', 'tokenizer.json (default: the one in the model folder)')
    .addOption(backendOption())
    .option('--json', 'one JSON object with every item')
    .addHelpText(
      'after',
      '\nExample:\n  $ tiresias score --model DIR --benchmark winobias --data suite/nano/benchmarks/nano-winobias',
    )
    .action(score);
}

async function score(options: ScoreOptions): Promise<void> {
  const benchmark = openBenchmark(options.benchmark, options.data, options.name);
  const tokenizer = readTokenizer(options.tokenizer ?? join(options.model, 'tokenizer.json'));
  const backend = await selectBackend(options.backend);
  const model = await loadModel(options.model);
  let evaluation: Evaluation;
  try {
    const scoring = {
      tokenLogProbs: (rows: readonly (readonly number[])[]) => tokenLogProbs(model, rows),
      encode: (text: string) => tokenizer.encode(text),
      scoreEnds: (rows: readonly (readonly number[])[], numLast: readonly number[]) => scoreEnds(model, rows, numLast),
    };
    evaluation = await evaluateBenchmark(benchmark, scoring, options.protocol);
  } finally {
    model.dispose();
  }
  const label = labelShift(evaluation.scores);
  process.stdout.write(options.json ? jsonOf(evaluation, label) : tableOf(evaluation, label, benchmark, backend));
}

function jsonOf(evaluation: Evaluation, label: Label | null): string {
  return `${JSON.stringify({ ...evaluation, labels: label === null ? [] : [label] })}\n`;
}

// For a reader: one line a metric, with its interval and n, and the label below.
function tableOf(evaluation: Evaluation, label: Label | null, benchmark: Benchmark, backend: ChosenBackend): string {
  const rows = Object.entries(evaluation.scores).map(([metric, { value, interval, numItems }]) => [
    metric,
    value.toFixed(4),
    interval === null ? 'not estimable' : `${interval[0].toFixed(4)} to ${interval[1].toFixed(4)}`,
    String(numItems),
  ]);
  const lines = [['metric', 'value', '95 % interval', 'n'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const table = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const origin =
    benchmark.name === REVISED_PAIRS
      ? NOT_VERIFIED
      : benchmark.isOfficial
        ? 'official files'
        : 'not the official files';
  const head = [
    `${evaluation.benchmark} (${origin}, SHA-256 ${evaluation.sha256})`,
    `protocol ${evaluation.protocol}, ${evaluation.numItems} items, back end ${backend.name}: ${backend.reason}`,
  ];
  const foot = label === null ? [] : ['', `${label.label}: ${label.detail}`];
  return [...head, '', ...table, ...foot, ''].join('\n');
}
