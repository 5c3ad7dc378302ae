// `tiresias jobs set | archive | restore | fork`: what may change of a job, and jobs made of a run's checkpoint.
import { Option, type Command } from 'commander';
import { InputError } from '../errors.ts';
import { TRAINED_ARMS, type TrainedArm } from '../job-spec.ts';
import { connect, urlOption } from './api-client.ts';
import { readJsonDocument } from './json-document.ts';
import { wholeNumber } from './options.ts';
import { collect, parsePriority } from './spec-options.ts';

interface Where {
  readonly url?: string;
  readonly json?: true;
}

interface SetOptions extends Where {
  readonly name?: string;
  readonly priority?: number;
  readonly tag?: readonly string[];
  readonly tags?: false;
}

interface ForkOptions extends Where {
  readonly arm: TrainedArm;
  readonly step?: number;
  readonly changes?: string;
  readonly idempotencyKey?: string;
}

/** Adds the commands to `tiresias jobs`, whose list has the options --url and --json, too. */
export function addJobChanges(jobs: Command): void {
  const named = (name: string, words: string) =>
    jobs.command(name).description(words).argument('<id>', 'the job').addOption(urlOption());
  named('set', "change a job's name, priority or tags")
    .option('--name <text>', 'shown in lists')
    .option('--priority <n>', 'higher is claimed earlier, -100 to 100', parsePriority)
    .option('--tag <word>', 'its tags from now on; may be given again', collect)
    .option('--no-tags', 'it has no tags from now on')
    .option('--json', 'print the whole job')
    .addHelpText('after', '\nExample:\n  $ tiresias jobs set "$id" --priority 10 --tag pilot')
    .action((id: string, _own, command: Command) => set(id, command.optsWithGlobals()));
  for (const [name, words, archived] of [
    ['archive', 'leave a job that is over out of the lists', true],
    ['restore', 'bring an archived job back into the lists', false],
  ] as const) {
    named(name, words)
      .option('--json', 'print the whole job')
      .action(async (id: string, _own, command: Command) => change(id, { archived }, command.optsWithGlobals()));
  }
  named('fork', "submit a job that starts from a checkpoint of this job's run; its id is printed")
    .addOption(new Option('--arm <name>', 'whose run').choices(TRAINED_ARMS).makeOptionMandatory())
    .option('--step <n>', 'which checkpoint (default: the newest)', wholeNumber(0))
    .option('--changes <file>', 'JSON with the fields of the job that differ; - reads stdin')
    .option('--idempotency-key <key>', 'sent again with the same fork, the same job is answered')
    .option('--json', 'print the whole job')
    .addHelpText(
      'after',
      '\nThe checkpoint is kept for good. The fork has the job as it is, to the same last step, but for --changes.' +
        '\n\nExample:\n  $ echo \'{"arms": ["control"]}\' | tiresias jobs fork "$id" --arm intervention --changes -',
    )
    .action((id: string, _own, command: Command) => fork(id, command.optsWithGlobals()));
}

async function set(id: string, options: SetOptions): Promise<void> {
  const { name, priority, tag, tags } = options;
  const changes = {
    ...(name !== undefined && { name }),
    ...(priority !== undefined && { priority }),
    ...(tag !== undefined && { tags: tag }),
    ...(tags === false && { tags: [] }),
  };
  if (Object.keys(changes).length === 0)
    throw new InputError('nothing to change: give --name, --priority, --tag or --no-tags');
  await change(id, changes, options);
}

async function change(id: string, changes: object, { url, json }: Where): Promise<void> {
  const job = await connect(url).change(id, changes);
  process.stdout.write(`${json ? JSON.stringify(job) : job.id}\n`);
}

async function fork(id: string, { arm, step, changes, idempotencyKey, url, json }: ForkOptions): Promise<void> {
  const document = changes === undefined ? {} : await readJsonDocument(changes);
  const body = { arm, ...(step !== undefined && { step }), changes: document };
  const job = await connect(url).fork(id, body, idempotencyKey);
  process.stdout.write(`${json ? JSON.stringify(job) : job.id}\n`);
}
