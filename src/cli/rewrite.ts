// `tiresias rewrite`: JSON lines {"id","text"} on stdin → {"id","text","edits"} on stdout, one by one, however long the input.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { explain } from '../../augmentation/explain.ts';
import { findPolicy } from '../../augmentation/policies.ts';
import { rewrite, type RewriteOptions, type Rewritten } from '../../augmentation/rewrite.ts';
import { InputError, messageOf } from '../errors.ts';
import { drawForName } from '../intervention/draw.ts';
import { DIRECTIONS, type Direction, type ProbabilityUnit } from '../job-spec.ts';
import { startProgress } from './progress.ts';
import { coloured, countDocument, newStats, type RewriteStats } from './rewrite-report.ts';
import { addRewritingOptions, type RewritingFlags } from './rewriting-options.ts';

const EXAMPLES = `
Examples:
  echo '{"id":1,"text":"He lost his keys."}' | tiresias rewrite --policy morph-v1 --direction masculine-to-feminine
  tiresias rewrite --policy morph-v1 --direction balanced --seed 7 < documents.jsonl > rewritten.jsonl
  tiresias rewrite --policy morph-v1 --direction swap --diff documents.jsonl
  tiresias rewrite --policy neutral-v1 --direction neutral --stats part-1.jsonl part-2.jsonl > rewritten.jsonl

Each line of the output holds the edits as {"start","end","before","after","rule"}; start and end are UTF-16 offsets of the
input. "balanced" swaps half of the documents; which ones depends on the seed and on each document's id. With --explain each line
also holds "decisions": for every word spelt like a pronoun its rule, the guard that kept it, and the margin of a "her".`;

interface RewriteFlags extends RewritingFlags {
  readonly policy: string;
  readonly direction: string;
  readonly stats?: true;
  readonly explain?: true;
  readonly diff?: true;
}

/** Adds the command to the program. */
export function addRewriteCommand(program: Command): void {
  const command = program
    .command('rewrite')
    .description('rewrite the gendered pronouns of documents: JSON lines in, JSON lines on stdout')
    .argument('[files...]', 'files of JSON lines; stdin when none is given')
    .requiredOption('--policy <name>', 'way of rewriting, see `tiresias policies`')
    .requiredOption('--direction <direction>', DIRECTIONS.join(' | '));
  addRewritingOptions(command)
    .option('--stats', 'count edits, guards and undecided pronouns, on stderr at the end')
    .option('--explain', 'add to each line what decided on every pronoun')
    .option('--diff', 'print the texts with their edits marked instead of JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (files: readonly string[], flags: RewriteFlags) => {
      const { name } = findPolicy(flags.policy, flags.direction as Direction); // refused unless the policy lists it
      const { seed, probability, per, pairs } = flags;
      const stats = flags.stats ? newStats() : undefined;
      const hasColour = process.stdout.isTTY;
      const output: Output = {
        stats,
        isExplained: flags.explain === true,
        diff: flags.diff ? { hasColour } : undefined,
      };
      const rewriting: Rewriting = {
        policy: name,
        direction: flags.direction as Direction,
        seed,
        probability,
        per,
        wordPairs: pairs,
      };
      await endQuietly(writeAll(files, rewriting, output));
      if (stats !== undefined) process.stderr.write(`${JSON.stringify(stats, null, 2)}\n`);
    });
}

async function writeAll(files: readonly string[], rewriting: Rewriting, output: Output): Promise<void> {
  if (files.length === 0) {
    process.stdin.setEncoding('utf8');
    const lines = (chunks: AsyncIterable<string>) => rewriteLines(chunks, rewriting, output);
    return pipeline(process.stdin, lines, process.stdout, { end: false });
  }
  const sizes = await Promise.all(files.map(sizeOf));
  const progress = startProgress(sizes.reduce((sum, size) => sum + size, 0));
  let numRead = 0;
  try {
    for (const path of files) {
      const read = async function* (): AsyncGenerator<string> {
        for await (const chunk of createReadStream(path, 'utf8') as AsyncIterable<string>) {
          progress.update((numRead += Buffer.byteLength(chunk)), `bytes, ${path}`);
          yield chunk;
        }
      };
      await pipeline(
        read,
        (chunks: AsyncIterable<string>) => rewriteLines(chunks, rewriting, output, path),
        process.stdout,
        {
          end: false,
        },
      );
    }
  } finally {
    progress.stop();
  }
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new InputError(`${path}: expected a file of JSON lines: ${messageOf(cause)}`, { cause });
  });
  return found.size;
}

export interface Rewriting extends Omit<RewriteOptions, 'chance' | 'occurrences'> {
  readonly seed: number;
  readonly probability?: number;
  readonly per?: ProbabilityUnit;
}

/** What is printed of each document. */
export interface Output {
  readonly stats?: RewriteStats | undefined;
  readonly isExplained?: boolean;
  readonly diff?: { readonly hasColour: boolean } | undefined;
}

const documentSchema = z.object({ id: z.union([z.string(), z.number()]), text: z.string() });
const LONGEST_LINE_UNITS = 2 ** 28;
const OUTPUT_UNITS = 2 ** 16;

/**
 * Output lines for input that comes in pieces of any size. Throws InputError naming the line that is no document; the lines
 * before it have been given out.
 */
export async function* rewriteLines(
  chunks: AsyncIterable<string>,
  rewriting: Rewriting,
  output: Output = {},
  source = 'stdin',
): AsyncGenerator<string> {
  let waiting = '';
  let number = 0;
  for await (const line of splitLines(chunks, source)) {
    number++;
    if (line.trim() === '') continue;
    let written: string;
    try {
      written = rewriteLine(line, rewriting, output);
    } catch (error) {
      if (waiting !== '') yield waiting;
      throw new InputError(`${source}, line ${number}: ${messageOf(error)}`, { cause: error });
    }
    waiting += written;
    if (waiting.length < OUTPUT_UNITS) continue;
    yield waiting;
    waiting = '';
  }
  if (waiting !== '') yield waiting;
}

function rewriteLine(line: string, rewriting: Rewriting, { stats, isExplained, diff }: Output): string {
  const { id, text } = parseDocument(line);
  const rewritten = rewriteDocument(String(id), text, rewriting);
  const decisions = stats !== undefined || isExplained ? explain(text, rewritten) : [];
  if (stats !== undefined) countDocument(stats, text, rewritten, decisions);
  if (diff !== undefined) return `${id}: ${coloured(text, rewritten, diff.hasColour)}\n`;
  return `${JSON.stringify({ id, ...rewritten, ...(isExplained ? { decisions } : {}) })}\n`;
}

/** Draws depend on the seed, the document's id and the occurrence's place in it. */
function rewriteDocument(id: string, text: string, { seed, probability = 1, per, ...options }: Rewriting): Rewritten {
  const draw = (purpose: string) => drawForName(seed, purpose + id);
  const chance = () => draw('');
  if (probability === 1) return rewrite(text, { ...options, chance });
  if (per === 'occurrence')
    return rewrite(text, { ...options, chance, occurrences: { probability, draw: (index) => draw(`${index}\n`) } });
  return draw('document\n') < probability ? rewrite(text, { ...options, chance }) : { text, edits: [] };
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
async function* splitLines(chunks: AsyncIterable<string>, source: string): AsyncGenerator<string> {
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
      throw new InputError(`${source}: a line is longer than ${LONGEST_LINE_UNITS} characters; split the document`);
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
