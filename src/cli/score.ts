// `tiresias score`: a model folder and a benchmark's files → scores with intervals, and every item.
import { Option, type Command } from 'commander';
import { join } from 'node:path';
import { loadModel } from '../checkpoint/model-folder.ts';
import { readTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { InputError } from '../errors.ts';
import { NOT_VERIFIED, REVISED_PAIRS } from '../eval/benchmark-sources.ts';
import { openBenchmark } from '../eval/benchmarks.ts';
import type { Evaluation } from '../eval/evaluation.ts';
import { labelShift, protocolLabel, type Label } from '../eval/metrics.ts';
import { evaluatePythiaEm, PYTHIA_EM_DEFAULTS, textGenerator, type PythiaEmSettings } from '../eval/pythia-em.ts';
import { openPythiaEm } from '../eval/pythia-em-files.ts';
import { evaluateBenchmark } from '../eval/score.ts';
import { PROMPT_EDGES, PROTOCOLS, type PromptEdges, type Protocol } from '../job-spec.ts';
import { scoreEnds } from '../model/ends.ts';
import type { GeneratingModel } from '../model/generate.ts';
import { SCORING_SWITCHES } from '../model/gpt-neox.ts';
import { tokenLogProbs } from '../model/likelihood.ts';
import { selectBackend, type BackendName, type ChosenBackend } from '../tensor/backend.ts';
import { backendOption } from './backend-option.ts';
import { wholeNumber } from './options.ts';
import { startProgress, type Progress } from './progress.ts';

interface ScoreOptions {
  readonly model: string;
  readonly benchmark: (typeof KINDS)[number];
  readonly data: string;
  readonly protocol: Protocol;
  readonly name?: string;
  readonly tokenizer?: string;
  readonly backend: BackendName | 'auto';
  readonly json?: true;
  readonly templates?: string;
  readonly template?: readonly string[];
  readonly promptEdges?: PromptEdges;
  readonly maxNew?: number;
  readonly fullLength?: true;
}

const KINDS = ['crows-pairs', 'crows-pairs-revised', 'winobias', 'lambada'] as const;
/** Options of the protocol pythia-em alone. */
const OF_PYTHIA_EM = ['templates', 'template', 'promptEdges', 'maxNew', 'fullLength'] as const;

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
    .option('--templates <folder>', 'pythia-em: PromptSource’s templates/wino_bias')
    .option('--template <names...>', `pythia-em: their names (default: "${PYTHIA_EM_DEFAULTS.templates.join('", "')}")`)
    .addOption(
      new Option(
        '--prompt-edges <how>',
        `pythia-em: white space at the ends of a prompt (default: ${PYTHIA_EM_DEFAULTS.promptEdges})`,
      ).choices(PROMPT_EDGES),
    )
    .option(
      '--max-new <n>',
      `pythia-em: tokens of an answer at most (default: ${PYTHIA_EM_DEFAULTS.maxNew})`,
      wholeNumber(1),
    )
    .option('--full-length', 'pythia-em: go on with answers whose score is settled')
    .addOption(backendOption())
    .option('--json', 'one JSON object with every item')
    .addHelpText(
      'after',
      '\npythia-em reads the CoNLL files of WinoBias, in the folder or below it in conll or conll_format.' +
        '\nExample:\n  $ tiresias score --model DIR --benchmark winobias --data suite/nano/benchmarks/nano-winobias',
    )
    .action(score);
}

async function score(options: ScoreOptions): Promise<void> {
  const evaluate = options.protocol === 'pythia-em' ? openAnswers(options) : openLikelihoods(options);
  const tokenizer = readTokenizer(options.tokenizer ?? join(options.model, 'tokenizer.json'));
  const backend = await selectBackend(options.backend);
  const model = await loadModel(options.model);
  let progress: Progress | undefined;
  const show = (numDone: number, numAll: number, words: string): void => {
    progress ??= startProgress(numAll);
    progress.update(numDone, words);
  };
  let scored: Scored;
  try {
    scored = await evaluate({ model, tokenizer, show });
  } finally {
    progress?.stop();
    model.dispose();
  }
  const { evaluation } = scored;
  const labels = [protocolLabel(evaluation.protocol), labelShift(evaluation.scores)].filter((label) => label !== null);
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...evaluation, labels })}\n` : tableOf(scored, labels, backend),
  );
}

interface Scored {
  readonly evaluation: Evaluation;
  readonly isOfficial: boolean;
}

interface Means {
  readonly model: GeneratingModel;
  readonly tokenizer: Tokenizer;
  readonly show: (numDone: number, numAll: number, words: string) => void;
}

type Evaluate = (means: Means) => Promise<Scored>;

function openLikelihoods(options: ScoreOptions): Evaluate {
  const foreign = OF_PYTHIA_EM.find((name) => options[name] !== undefined);
  if (foreign !== undefined)
    throw new InputError(`--${kebab(foreign)} belongs to the protocol pythia-em, not to ${options.protocol}`);
  const benchmark = openBenchmark(options.benchmark, options.data, options.name);
  return async ({ model, tokenizer, show }) => {
    const evaluation = await evaluateBenchmark(
      benchmark,
      {
        tokenLogProbs: (rows) =>
          tokenLogProbs(model, rows, SCORING_SWITCHES, (numScored) => show(numScored, rows.length, 'sentences')),
        encode: (text) => tokenizer.encode(text),
        scoreEnds: (rows, numLast) => scoreEnds(model, rows, numLast),
      },
      options.protocol,
    );
    return { evaluation, isOfficial: benchmark.isOfficial };
  };
}

function openAnswers(options: ScoreOptions): Evaluate {
  if (options.benchmark !== 'winobias') throw new InputError('the protocol pythia-em is for winobias');
  if (options.templates === undefined)
    throw new InputError('pythia-em needs --templates: the folder templates/wino_bias of PromptSource');
  const files = openPythiaEm(options.data, options.templates, options.name);
  const settings: PythiaEmSettings = {
    templates: options.template ?? PYTHIA_EM_DEFAULTS.templates,
    promptEdges: options.promptEdges ?? PYTHIA_EM_DEFAULTS.promptEdges,
    maxNew: options.maxNew ?? PYTHIA_EM_DEFAULTS.maxNew,
    isFullLength: options.fullLength ?? PYTHIA_EM_DEFAULTS.isFullLength,
  };
  return async ({ model, tokenizer, show }) => {
    const generator = textGenerator(model, tokenizer);
    const evaluation = await evaluatePythiaEm(files, generator, settings, (numDone, numAll) =>
      show(numDone, numAll, 'answers'),
    );
    return { evaluation, isOfficial: files.isOfficial };
  };
}

function kebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

// For a reader: one line a metric, with its interval and n, and the labels below.
function tableOf({ evaluation, isOfficial }: Scored, labels: readonly Label[], backend: ChosenBackend): string {
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
    evaluation.benchmark === REVISED_PAIRS ? NOT_VERIFIED : isOfficial ? 'official files' : 'not the official files';
  const settings = Object.entries(evaluation.settings ?? {}).map(
    ([name, value]) => `, ${name} ${JSON.stringify(value)}`,
  );
  const head = [
    `${evaluation.benchmark} (${origin}, SHA-256 ${evaluation.sha256})`,
    `protocol ${evaluation.protocol}${settings.join('')}, ${evaluation.numItems} items, back end ${backend.name}: ${backend.reason}`,
  ];
  const foot = labels.flatMap(({ label, detail }) => ['', `${label}: ${detail}`]);
  return [...head, '', ...table, ...foot, ''].join('\n');
}
