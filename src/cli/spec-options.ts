// A job as the command line says it: from a file, from flags, or from a file whose fields the flags change.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { InputError } from '../errors.ts';
import { DIRECTIONS, POLICIES, PROBABILITY_UNITS } from '../job-spec.ts';
import { readJsonDocument } from './json-document.ts';
import { fraction, wholeNumber } from './options.ts';

export interface SpecFlags {
  readonly name?: string;
  readonly model?: string;
  readonly checkpoint?: string;
  readonly dataset?: string;
  readonly to?: number;
  readonly steps?: number;
  readonly policy?: string;
  readonly direction?: string;
  readonly probability?: number;
  readonly per?: string;
  readonly seed?: number;
  readonly priority?: number;
  readonly tag?: readonly string[];
}

/** Adds the argument and the flags to a command. */
export function addSpecOptions(command: Command): Command {
  return command
    .argument('[file]', 'the job as JSON; - reads stdin; the flags below change its fields')
    .option('--name <text>', 'shown in lists')
    .option('--model <name>', 'a model of `tiresias models list`')
    .option('--checkpoint <stepN>', 'where training resumes, for example step1330')
    .option('--dataset <name>', 'a dataset of `tiresias datasets list`')
    .option('--to <step>', "last step of the window (default: the suite's end)", wholeNumber(1))
    .addOption(
      new Option('--steps <n>', 'length of the window, instead of --to').argParser(wholeNumber(1)).conflicts('to'),
    )
    .addOption(new Option('--policy <name>', 'way of rewriting, see `tiresias policies`').choices(POLICIES))
    .addOption(new Option('--direction <name>', 'which pronouns become which').choices(DIRECTIONS))
    .option('--probability <p>', 'share of the documents or occurrences that are rewritten, 0 to 1', fraction)
    .addOption(new Option('--per <unit>', 'what the probability is of').choices(PROBABILITY_UNITS))
    .option('--seed <n>', 'seed of the draws that --probability needs', wholeNumber(0))
    .option('--priority <n>', 'higher is claimed earlier, -100 to 100', parsePriority)
    .option('--tag <word>', 'a word to find the job by; may be given again', collect);
}

/** The job that a command was given. Throws InputError when it was given none. */
export async function readSpec(file: string | undefined, flags: SpecFlags): Promise<Record<string, unknown>> {
  const spec = withFlags(file === undefined ? {} : await readJsonDocument(file), flags);
  if (Object.keys(spec).length > 0) return spec;
  throw new InputError('no job: give a file, - for stdin, or at least --model, --checkpoint and --dataset');
}

/** Parses a priority; below zero is allowed. */
export function parsePriority(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && Math.abs(value) <= 100) return value;
  throw new InvalidArgumentError('expected a whole number from -100 to 100.');
}

/** Gathers an option that may be given again. */
export function collect(word: string, before: readonly string[] = []): string[] {
  return [...before, word];
}

// Only what was given is sent: defaults, and whether the whole is possible, are the server's to say.
function withFlags(document: Record<string, unknown>, flags: SpecFlags): Record<string, unknown> {
  const { name, model, checkpoint, dataset, to, steps, policy, direction, probability, per, seed } = flags;
  const { priority, tag: tags } = flags;
  const given = (fields: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const spec: Record<string, unknown> = { ...document, ...given({ name, model, checkpoint, dataset, priority, tags }) };
  if (to !== undefined || steps !== undefined) spec['window'] = given({ to, steps }); // the two exclude each other
  const intervention = given({ policy, direction, probability, per, seed });
  if (Object.keys(intervention).length > 0) {
    const own = spec['intervention'];
    spec['intervention'] = { ...(typeof own === 'object' ? own : {}), ...intervention };
  }
  return spec;
}
