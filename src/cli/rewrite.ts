// `tiresias rewrite`: JSON lines {"id","text"} on stdin → {"id","text","edits"} on stdout, one by one, however long the input.
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { findPolicy } from '../../augmentation/policies.ts';
import { rewrite, type RewriteOptions } from '../../augmentation/rewrite.ts';
import { InputError, messageOf } from '../errors.ts';
import { drawForName } from '../intervention/draw.ts';
import { DIRECTIONS, type Direction } from '../job-spec.ts';
import { wholeNumber } from './options.ts';

const EXAMPLES = `
Examples:
  echo '{"id":1,"text":"He lost his keys."}' | tiresias rewrite --policy morph-v1 --direction masculine-to-feminine
  tiresias rewrite --policy morph-v1 --direction balanced --seed 7 < documents.jsonl > rewritten.jsonl

Each line of the output holds the edits as {"start","end","before","after","rule"}; start and end are UTF-16 offsets of the
input. "balanced" swaps half of the documents; which ones depends on the seed and on each document's id.`;

/** Adds the command to the program. */
export function addRewriteCommand(program: Command): void {
  program
    .command('rewrite')
    .description('rewrite the gendered pronouns of documents: JSON lines on stdin, JSON lines on stdout')
    .requiredOption('--policy <name>', 'way of rewriting, see `tiresias policies`')
    .requiredOption('--direction <direction>', DIRECTIONS.join(' | '))
    .option('--seed <seed>', 'seed of the draws that `balanced` needs', wholeNumber(0), 1234)
    .addHelpText('after', EXAMPLES)
    .action(async (options: { readonly policy: string; readonly direction: string; readonly seed: number }) => {
      const { name } = findPolicy(options.policy, options.direction as Direction); // refused unless the policy lists it
      const rewriting = { policy: name, direction: options.direction as Direction, seed: options.seed };
      process.stdin.setEncoding('utf8');
      await endQuietly(
        pipeline(process.stdin, (chunks: AsyncIterable<string>) => rewriteLines(chunks, rewriting), process.stdout),
      );
    });
}

export interface Rewriting extends Omit<RewriteOptions, 'chance'> {
  readonly seed: number;
}

const documentSchema = z.object({ id: z.union([z.string(), z.number()]), text: z.string() });
const LONGEST_LINE_UNITS = 2 ** 28;
const OUTPUT_UNITS = 2 ** 16;

/**
 * Output lines for input that comes in pieces of any size. Throws InputError naming the line that is no document; the lines
 * before it have been given out.
 */
export async function* rewriteLines(chunks: AsyncIterable<string>, rewriting: Rewriting): AsyncGenerator<string> {
  let waiting = '';
  let number = 0;
  for await (const line of splitLines(chunks)) {
    number++;
    if (line.trim() === '') continue;
    let output: string;
    try {
      output = rewriteLine(line, rewriting);
    } catch (error) {
      if (waiting !== '') yield waiting;
      throw new InputError(`stdin, line ${number}: ${messageOf(error)}`, { cause: error });
    }
    waiting += output;
    if (waiting.length < OUTPUT_UNITS) continue;
    yield waiting;
    waiting = '';
  }
  if (waiting !== '') yield waiting;
}

function rewriteLine(line: string, { policy, direction, seed }: Rewriting): string {
  const { id, text } = parseDocument(line);
  const chance = () => drawForName(seed, String(id));
  return `${JSON.stringify({ id, ...rewrite(text, { policy, direction, chance }) })}\n`;
}

function parseDocument(line: string): z.output<typeof documentSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new InputError(`expected a JSON object {"id", "text"}, found: ${line.slice(0, 60)} (${messageOf(error)})`);
  }
  const result = documentSchema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new InputError(
    `expected a JSON object {"id", "text"}; ${issue?.path.join('.') || 'the line'}: ${issue?.message ?? 'unexpected'}`,
  );
}

/** Lines end with \n alone: U+2028 and the like are part of a JSON text, and readline would split there. */
async function* splitLines(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest: string[] = [];
  let restUnits = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', from)) {
      rest.push(chunk.slice(from, end));
      yield rest.join('');
      rest = [];
      restUnits = 0;
      from = end + 1;
    }
    rest.push(chunk.slice(from));
    restUnits += chunk.length - from;
    if (restUnits > LONGEST_LINE_UNITS)
      throw new InputError(`stdin: a line is longer than ${LONGEST_LINE_UNITS} characters; split the document`);
  }
  yield rest.join('');
}

/** A reader that has seen enough (`| head`) closes the pipe: no fault. */
async function endQuietly(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}
