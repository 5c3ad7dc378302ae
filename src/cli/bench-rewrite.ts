// `tiresias bench rewrite`: how fast rows of tokens are rewritten, decoded and encoded again, on one core.
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Batch } from '../data/replay.ts';
import { readTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { rewriteBatch, type Intervention } from '../intervention/batch.ts';
import { DIRECTIONS_OF, POLICIES, type Direction, type Policy } from '../job-spec.ts';
import { packagePath } from '../package-root.ts';
import { tellStories } from '../suite/nano/stories.ts';
import { median, printFigures } from './bench-model.ts';
import { wholeNumber } from './options.ts';

interface RewriteOptions {
  readonly rows: number;
  readonly seqLength: number;
  readonly tokenizer: string;
  readonly policy: Policy;
  readonly direction: Direction;
  readonly repeats: number;
  readonly json?: boolean;
}

export function addRewriteBench(bench: Command): void {
  bench
    .command('rewrite')
    .description("tokens a second of rows of the nano suite's stories, nearly every sentence of which has a pronoun")
    .option('--rows <n>', 'rows of a batch', wholeNumber(1), 64)
    .option('--seq-length <n>', 'tokens of a model input', wholeNumber(1), 2048)
    .option('--tokenizer <file>', 'tokenizer.json', packagePath('suite', 'nano', 'tokenizer.json'))
    .addOption(new Option('--policy <name>', 'how it is rewritten').choices(POLICIES).default('morph-v1'))
    .option('--direction <name>', 'which pronouns become which', 'swap')
    .option('--repeats <n>', 'passes over the batch; their median counts', wholeNumber(1), 5)
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ tiresias bench rewrite --direction masculine-to-feminine --json')
    .action(benchRewrite);
}

function benchRewrite(options: RewriteOptions): void {
  const { rows, seqLength, policy, direction, repeats } = options;
  if (!DIRECTIONS_OF[policy].includes(direction)) {
    throw new InvalidArgumentError(`${policy} has the directions ${DIRECTIONS_OF[policy].join(', ')}.`);
  }
  const tokenizer = readTokenizer(options.tokenizer);
  const batch = storiesBatch(tokenizer, rows, seqLength + 1);
  const intervention: Intervention = { policy, direction, probability: 1, seed: 1234 };
  const { proof } = rewriteBatch(batch, tokenizer, intervention); // warms the rules and the tokenizer's cache
  const seconds = median(
    Array.from({ length: repeats }, () => {
      const startedMs = performance.now();
      rewriteBatch(batch, tokenizer, intervention);
      return (performance.now() - startedMs) / 1000;
    }),
  );
  const numTokens = batch.tokens.length;
  const numCharacters = tokenizer.decode([...batch.tokens]).length;
  const result = {
    ...{ policy, direction, rows, seqLength, seconds },
    tokensPerSecond: numTokens / seconds,
    charactersPerSecond: numCharacters / seconds,
    editsPerThousandTokens: (1000 * proof.numEdits) / numTokens,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  printFigures(result, options);
}

/** Stories one after the other, token 0 between them. */
function storiesBatch(tokenizer: Tokenizer, numRows: number, rowLength: number): Batch {
  const tokens = new Int32Array(numRows * rowLength);
  let place = 0;
  for (const { text } of tellStories(1)) {
    const ids = tokenizer.encode(text).slice(0, tokens.length - place);
    tokens.set(ids, place);
    place += ids.length + 1;
    if (place >= tokens.length) break;
  }
  return { step: 0, firstSample: 0, numRows, rowLength, tokens };
}
