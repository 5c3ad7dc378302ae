// `tiresias tokens`: text → token ids, or back, with a model's tokenizer.json.
import { text as readText } from 'node:stream/consumers';
import type { Command } from 'commander';
import { readTokenizer } from '../data/tokenizer.ts';
import { InputError, messageOf } from '../errors.ts';

interface TokensOptions {
  readonly tokenizer: string;
  readonly decode?: true;
}

const EXAMPLES = `
Examples:
  $ printf 'She said so.' | tiresias tokens --tokenizer pythia-70m/tokenizer.json
  $ echo '[2993,753,594,15]' | tiresias tokens --tokenizer pythia-70m/tokenizer.json --decode

The text is taken as it comes: a line break at its end is encoded too, and none is added to a decoded text.
`;

/** Registers the command. */
export function addTokensCommand(program: Command): void {
  program
    .command('tokens')
    .description('encode the text on standard input as a JSON list of token ids, or decode such a list')
    .requiredOption('--tokenizer <file>', "tokenizer.json in Hugging Face's format")
    .option('--decode', 'read a JSON list of ids and print their text')
    .addHelpText('after', EXAMPLES)
    .action(convert);
}

async function convert({ tokenizer: path, decode }: TokensOptions): Promise<void> {
  const tokenizer = readTokenizer(path);
  const input = await readText(process.stdin);
  process.stdout.write(decode ? tokenizer.decode(parseIds(input)) : `${JSON.stringify(tokenizer.encode(input))}\n`);
}

function parseIds(input: string): number[] {
  let ids: unknown;
  try {
    ids = JSON.parse(input);
  } catch (error) {
    throw new InputError(`standard input: expected a JSON list of token ids: ${messageOf(error)}`, { cause: error });
  }
  if (!Array.isArray(ids) || !ids.every((id): id is number => Number.isInteger(id))) {
    throw new InputError('standard input: expected a JSON list of token ids, such as [2993,753]');
  }
  return ids;
}
