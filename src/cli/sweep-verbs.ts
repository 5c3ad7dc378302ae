// `tiresias sweep list | show | watch | pause | resume | stop | cancel | add | set | results`: what is asked of a sweep that is there.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { InputError } from '../errors.ts';
import { urlOption } from './api-client.ts';
import { wholeNumber } from './options.ts';
import { connectSweeps, SWEEP_ORDERS, type Sweep, type SweepOrder, type SweepWithJobs } from './sweep-client.ts';
import { watchSweep } from './sweep-watch.ts';
import { formatAge, formatTable, printable } from './table.ts';
import { readYamlDocument } from './yaml-document.ts';

interface Where {
  readonly url?: string;
  readonly json?: true;
}

const ORDER_WORDS: Readonly<Record<SweepOrder, string>> = {
  pause: 'begin no further jobs of a sweep; those at work go on',
  resume: 'let a paused sweep go on',
  stop: 'let the jobs at work finish and cancel the rest',
  cancel: 'cancel every job of a sweep',
};

/** Adds the verbs to `tiresias sweep`, which has the options --url and --json, too. */
export function addSweepVerbs(sweep: Command): void {
  const named = (name: string, words: string, example = name) =>
    sweep
      .command(name)
      .description(words)
      .argument('<id>', 'the sweep')
      .addOption(urlOption())
      .addHelpText('after', `\nExample:\n  $ tiresias sweep ${example.replace(/^\S+/, '$& "$id"')}`);
  sweep
    .command('list')
    .description('sweeps, newest first')
    .option('--limit <n>', 'at most so many', wholeNumber(1), 20)
    .addOption(urlOption())
    .option('--json', 'print {"sweeps": […]}')
    .addHelpText('after', '\nExample:\n  $ tiresias sweep list --limit 5')
    .action((_own, command: Command) => list(command.optsWithGlobals()));
  named('show', 'one sweep: its limits, what it has used, the points that met a rule, its jobs')
    .option('--json', 'print the sweep and all its jobs')
    .action((id: string, _own, command: Command) => show(id, command.optsWithGlobals()));
  named('watch', 'follow a sweep to its end').action(async (id: string, _own, command: Command) => {
    const { url } = command.optsWithGlobals<Where>();
    process.exitCode = await watchSweep(connectSweeps(url), id, { isQuiet: false });
  });
  for (const order of SWEEP_ORDERS) {
    named(order, ORDER_WORDS[order])
      .option('--json', 'print the whole sweep')
      .action(async (id: string, _own, command: Command) => {
        const { url, json } = command.optsWithGlobals<Where>();
        print(await connectSweeps(url).order(id, order), json);
      });
  }
  addChanges(named);
  addResults(named);
}

type Named = (name: string, words: string, example?: string) => Command;

function addChanges(named: Named): void {
  named('add', 'add values or replicates: points that are not there yet become jobs', 'add more.yaml')
    .argument('<file>', 'YAML or JSON with grid: {path: [more values]} and/or replicates: [more models]; - reads stdin')
    .option('--idempotency-key <key>', 'sent again with the same document, the points are added once')
    .option('--json', 'print the sweep and all its jobs')
    .action((id: string, file: string, _own, command: Command) => add(id, file, command.optsWithGlobals()));
  named('set', 'change the name or the limits of a sweep', 'set --max-parallel 4')
    .option('--name <text>', 'shown in lists')
    .option('--max-parallel <n>', 'jobs at work at once', wholeNumber(1))
    .option('--no-max-parallel', 'as many at once as there are workers')
    .option('--budget-steps <n>', 'updates of trained arms, those that were made included', wholeNumber(1))
    .option('--budget-hours <h>', "of attempts' wall time, those that were spent included", hours)
    .option('--no-budget', 'no budget')
    .option('--json', 'print the whole sweep')
    .action((id: string, _own, command: Command) => set(id, command.optsWithGlobals()));
}

function addResults(named: Named): void {
  named('results', "a row for each job and metric at the window's end", 'results --format csv > results.csv')
    .addOption(
      new Option('--format <name>', 'JSON has the dose-response curves and replicates, too')
        .choices(['json', 'csv', 'markdown', 'latex'])
        .default('markdown'),
    )
    .option('--parts', 'also scores of parts of the items')
    .option('--digits <n>', 'of the numbers in text (default: all that they have)', wholeNumber(1))
    .option('--json', 'the same as --format json')
    .action((id: string, _own, command: Command) => results(id, command.optsWithGlobals()));
}

function hours(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0)) throw new InvalidArgumentError('expected a number above 0.');
  return value;
}

function print(sweep: Sweep, json: true | undefined): void {
  process.stdout.write(`${json ? JSON.stringify(sweep) : sweep.state}\n`);
}

async function list({ url, json, limit }: Where & { readonly limit: number }): Promise<void> {
  const answer = await connectSweeps(url).list(limit);
  const rows = answer.sweeps.map((sweep) => [
    ...[sweep.id, stateWords(sweep), countWords(sweep), formatAge(sweep.createdAt), printable(sweep.name)],
  ]);
  const table = formatTable([['ID', 'STATE', 'JOBS', 'SUBMITTED', 'NAME'], ...rows]);
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : table);
}

async function show(id: string, { url, json }: Where): Promise<void> {
  const answer = await connectSweeps(url).get(id);
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : describe(answer));
}

function describe({ sweep, jobs }: SweepWithJobs): string {
  const { maxParallel, budget, used } = sweep;
  const of = (most: number | null | undefined) => (typeof most === 'number' ? ` of ${most}` : '');
  const facts = [
    ['sweep', sweep.id],
    ['name', printable(sweep.name)],
    ['state', stateWords(sweep)],
    ...(sweep.message === null ? [] : [['message', printable(sweep.message)]]),
    ['jobs', countWords(sweep)],
    ...(maxParallel === null ? [] : [['at once', String(maxParallel)]]),
    ['steps', `${used.steps}${of(budget?.steps)}`],
    ['hours', `${used.hours.toFixed(2)}${of(budget?.hours)}`],
    ...sweep.settled.map(({ point, numCancelled }) => {
      return ['met a rule', `${printable(JSON.stringify(point))}: ${numCancelled} jobs not needed`];
    }),
  ];
  const rows = jobs.map((job) => [job.id, job.state, printable(job.name)]);
  return `${formatTable(facts)}\n${formatTable([['JOB', 'STATE', 'NAME'], ...rows])}`;
}

const HOLD_WORDS: Readonly<Record<string, string>> = {
  budget: 'the budget is spent',
  maxParallel: 'as many jobs at work as it may have',
  'stop rules': 'its stop rules are to be looked at',
};

function stateWords({ state, heldBy }: Sweep): string {
  const words = heldBy === null ? undefined : HOLD_WORDS[heldBy];
  return printable(state) + (words === undefined ? '' : ` (${words})`);
}

function countWords({ jobsByState }: Sweep): string {
  const counts = Object.entries(jobsByState).sort(([a], [b]) => (a < b ? -1 : 1));
  return counts.map(([state, count]) => `${count} ${printable(state)}`).join(', ');
}

interface AddOptions extends Where {
  readonly idempotencyKey?: string;
}

async function add(id: string, file: string, { url, json, idempotencyKey }: AddOptions): Promise<void> {
  const document = await readYamlDocument(file);
  const answer = await connectSweeps(url)
    .add(id, document.value, idempotencyKey)
    .catch((error: unknown) => {
      throw document.explain(error);
    });
  const words = `sweep ${answer.sweep.id}: ${answer.jobs.length} jobs`;
  process.stdout.write(`${json ? JSON.stringify(answer) : words}\n`);
}

interface SetOptions extends Where {
  readonly name?: string;
  readonly maxParallel?: number | false;
  readonly budget?: false;
  readonly budgetSteps?: number;
  readonly budgetHours?: number;
}

async function set(id: string, options: SetOptions): Promise<void> {
  const { name, maxParallel, budgetSteps, budgetHours, url, json } = options;
  const bounds = {
    ...(budgetSteps !== undefined && { steps: budgetSteps }),
    ...(budgetHours !== undefined && { hours: budgetHours }),
  };
  const changes = {
    ...(name !== undefined && { name }),
    ...(typeof maxParallel === 'number' && { maxParallel }),
    ...(maxParallel === false && { maxParallel: null }),
    ...(Object.keys(bounds).length > 0 && { budget: bounds }),
    ...(options.budget === false && { budget: null }),
  };
  if (Object.keys(changes).length === 0)
    throw new InputError(
      'nothing to change: give --name, --max-parallel, --budget-steps, --budget-hours or --no-budget',
    );
  print(await connectSweeps(url).change(id, changes), json);
}

interface ResultOptions extends Where {
  readonly format: string;
  readonly parts?: true;
  readonly digits?: number;
}

async function results(id: string, { url, json, format, parts, digits }: ResultOptions): Promise<void> {
  const query = {
    format: json ? 'json' : format,
    ...(parts && { parts: 'yes' as const }),
    ...(digits !== undefined && { digits: String(digits) }),
  };
  const text = await connectSweeps(url).results(id, query);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}
