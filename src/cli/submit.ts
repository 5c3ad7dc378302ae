// `tiresias submit`: a job from a file, from flags, or from a file whose fields the flags change.
import { Option, type Command } from 'commander';
import { InputError } from '../errors.ts';
import { DIRECTIONS, POLICIES, PROBABILITY_UNITS } from '../job-spec.ts';
import { connect, urlOption } from './api-client.ts';
import { readJsonDocument } from './json-document.ts';
import { fraction, wholeNumber } from './options.ts';
import { exitCodeOf, watchJob } from './watch.ts';

interface SubmitOptions {
  readonly url?: string;
  readonly json?: true;
  readonly watch?: true;
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
}

export function addSubmitCommand(program: Command): void {
  program
    .command('submit')
    .description('submit a job; its id is printed')
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
    .addOption(urlOption())
    .option('--watch', 'stay until the job ends, as `tiresias watch` does')
    .option('--json', 'print the whole job')
    .addHelpText(
      'after',
      '\nExamples:' +
        '\n  $ tiresias submit --model nano-1m --checkpoint step1330 --dataset nano-stories --watch' +
        '\n  $ tiresias submit job.json --probability 0.25' +
        '\n  $ id=$(tiresias submit - < job.json)',
    )
    .action(submit);
}

async function submit(file: string | undefined, options: SubmitOptions): Promise<void> {
  const document = file === undefined ? {} : await readJsonDocument(file);
  const spec = withFlags(document, options);
  if (Object.keys(spec).length === 0) {
    throw new InputError(
      'nothing to submit: give a file, - for stdin, or at least --model, --checkpoint and --dataset',
    );
  }
  const api = connect(options.url);
  const job = await api.submit(spec);
  process.stdout.write(`${options.json ? JSON.stringify(job) : job.id}\n`);
  if (options.watch) process.exitCode = exitCodeOf(await watchJob(api, job.id, options.json === true));
  else process.stderr.write(`${job.state}; \`tiresias watch ${job.id}\` follows it\n`);
}

// Only what was given is sent: defaults, and whether the whole is possible, are the server's to say.
function withFlags(document: Record<string, unknown>, flags: SubmitOptions): Record<string, unknown> {
  const { name, model, checkpoint, dataset, to, steps, policy, direction, probability, per, seed } = flags;
  const given = (fields: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  const spec: Record<string, unknown> = { ...document, ...given({ name, model, checkpoint, dataset }) };
  if (to !== undefined || steps !== undefined) spec['window'] = given({ to, steps }); // the two exclude each other
  const intervention = given({ policy, direction, probability, per, seed });
  if (Object.keys(intervention).length > 0) {
    const own = spec['intervention'];
    spec['intervention'] = { ...(typeof own === 'object' ? own : {}), ...intervention };
  }
  return spec;
}
