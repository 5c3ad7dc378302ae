// `tiresias tokens`: text → token ids, or back, with a model's tokenizer.json; and rows of ids before and after rewriting.
import { text as readText } from 'node:stream/consumers';
import type { Command } from 'commander';
import { readTokenizer, type Tokenizer } from '../data/tokenizer.ts';
import { InputError, messageOf } from '../errors.ts';
import { rewriteBatch, type Intervention } from '../intervention/batch.ts';
import { findPolicy } from '../../augmentation/policies.ts';
import { DIRECTIONS } from '../job-spec.ts';
import { addApiTokens } from './api-tokens.ts';
import { wholeNumber } from './options.ts';
import { addRewritingOptions, type RewritingFlags } from './rewriting-options.ts';
import { formatChanges, tokenChanges } from './token-changes.ts';

interface TokensOptions extends RewritingFlags {
  readonly tokenizer?: string;
  readonly decode?: true;
  readonly policy?: string;
  readonly direction?: string;
  readonly sample: number;
  readonly json?: true;
}

const EXAMPLES = `
Examples:
  $ printf 'She said so.' | tiresias tokens --tokenizer pythia-70m/tokenizer.json
  $ echo '[2993,753,594,15]' | tiresias tokens --tokenizer pythia-70m/tokenizer.json --decode
  $ tiresias replay --data corpus --layout preshuffled --seq-length 128 --batch-size 16 --step 1330 --format json |
      tiresias tokens --tokenizer tokenizer.json --policy morph-v1 --direction swap --sample 21280

The text is taken as it comes: a line break at its end is encoded too, and none is added to a decoded text. With --policy, standard input
is a row of ids, or a list of rows as \`tiresias replay --format json\` prints it, and each changed token is shown before and after.
--sample makes the draws of --probability and balanced those of the job: row 0 of step s is sample s times the batch size.
`;

/** Registers the command. */
export function addTokensCommand(program: Command): void {
  const command = program
    .command('tokens')
    .description(
      'encode the text on standard input as token ids, decode such a list, or show rows before and after rewriting',
    )
    .option('--tokenizer <file>', "tokenizer.json in Hugging Face's format (needed without a subcommand)")
    .option('--decode', 'read a JSON list of ids and print their text')
    .option('--policy <name>', 'rewrite rows of ids and show what changes, see `tiresias policies`')
    .option('--direction <direction>', `with --policy: ${DIRECTIONS.join(' | ')}`)
    .option('--sample <n>', 'with --policy: number of the first row in the dataset', wholeNumber(0), 0);
  addRewritingOptions(command)
    .option('--json', 'with --policy: print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(convert);
  addApiTokens(command);
}

async function convert(options: TokensOptions): Promise<void> {
  if (options.tokenizer === undefined)
    throw new InputError(
      'give --tokenizer FILE to turn text into ids; or create, list, revoke for the tokens of the API',
    );
  const tokenizer = readTokenizer(options.tokenizer);
  const intervention = interventionOf(options);
  const input = await readText(process.stdin);
  if (intervention !== undefined) process.stdout.write(showRewriting(tokenizer, input, intervention, options));
  else if (options.decode) process.stdout.write(tokenizer.decode(parseIds(input)));
  else process.stdout.write(`${JSON.stringify(tokenizer.encode(input))}\n`);
}

function interventionOf({ policy, direction, decode, ...flags }: TokensOptions): Intervention | undefined {
  if (policy === undefined) return undefined;
  if (decode === true) throw new InputError('--policy and --decode: expected one of them');
  const known = DIRECTIONS.find((one) => one === direction);
  if (known === undefined)
    throw new InputError(`--direction: expected one of ${DIRECTIONS.join(', ')}, found ${direction ?? 'none'}`);
  const { seed, probability, per, pairs } = flags;
  return { policy: findPolicy(policy, known).name, direction: known, seed, probability, per, wordPairs: pairs };
}

/** Each row by itself, as its place in the dataset alone decides what is drawn. */
function showRewriting(
  tokenizer: Tokenizer,
  input: string,
  intervention: Intervention,
  { sample, json }: Pick<TokensOptions, 'sample' | 'json'>,
): string {
  const rows = parseRows(input).map((before, index) => {
    const tokens = Int32Array.from(before);
    const batch = { step: 0, firstSample: sample + index, numRows: 1, rowLength: tokens.length, tokens };
    const { batch: after, proof } = rewriteBatch(batch, tokenizer, intervention);
    const { numEdits, editsByRule, numTokensCut, numResegmented } = proof;
    const counts = { numEdits, editsByRule, numTokensCut, numResegmented };
    return { sample: sample + index, before, after: [...after.tokens], ...counts };
  });
  if (json === true) return `${JSON.stringify({ rows })}\n`;
  return rows
    .map(({ before, after, ...row }, index) => {
      const changes = tokenChanges(before, after);
      const head =
        `row ${index}, sample ${row.sample}: ${before.length} tokens, ${row.numEdits} edits, ` +
        `${row.numTokensCut} tokens cut off its end, ${row.numResegmented} edits in more tokens than usual\n`;
      return changes.length === 0 ? head : `${head}${formatChanges(tokenizer, before, changes)}`;
    })
    .join('\n');
}

function parseIds(input: string): number[] {
  const ids = parseJson(input);
  if (isIds(ids)) return ids;
  throw new InputError('standard input: expected a JSON list of token ids, such as [2993,753]');
}

function parseRows(input: string): number[][] {
  const rows = parseJson(input);
  if (isIds(rows) && rows.length > 0) return [rows];
  if (Array.isArray(rows) && rows.length > 0 && rows.every((row): row is number[] => isIds(row) && row.length > 0))
    return rows;
  throw new InputError('standard input: expected a row of token ids, such as [2993,753], or a list of such rows');
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id));
}

function parseJson(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch (error) {
    throw new InputError(`standard input: expected a JSON list of token ids: ${messageOf(error)}`, { cause: error });
  }
}
