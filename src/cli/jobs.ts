// `tiresias jobs`: the list, and one job in full.
import { Option, type Command } from 'commander';
import type { Effect } from '../handover/job-report.ts';
import { DIRECTIONS, FINAL_STATES, JOB_STATES, POLICIES } from '../job-spec.ts';
import { connect, urlOption, type JobFilter } from './api-client.ts';
import type { Job } from './api-answers.ts';
import { addJobChanges } from './job-changes.ts';
import { wholeNumber } from './options.ts';
import { placeWords } from './place-words.ts';
import { formatAge, formatSeconds, formatTable, printable } from './table.ts';

interface ListOptions extends JobFilter {
  readonly url?: string;
  readonly json?: true;
  readonly limit: number;
}

export function addJobsCommand(program: Command): void {
  const jobs = program
    .command('jobs')
    .description('list jobs, newest first')
    .enablePositionalOptions() // --name and --tag mean another thing behind `set`
    .addOption(new Option('--state <state>', 'only jobs in this state').choices(JOB_STATES))
    .option('--sweep <id>', 'only jobs of this sweep')
    .option('--tag <word>', 'only jobs with this tag')
    .option('--submitted-by <name>', 'only jobs that were sent with a token of this name')
    .option('--name <text>', 'only jobs whose name holds this')
    .option('--model <name>', 'only jobs on this model')
    .addOption(new Option('--policy <name>', 'only jobs with this policy').choices(POLICIES))
    .addOption(new Option('--direction <name>', 'only jobs with this direction').choices(DIRECTIONS))
    .addOption(new Option('--archived <which>', 'archived jobs').choices(['no', 'only', 'all']))
    .option('--limit <n>', 'at most so many', wholeNumber(1), 20)
    .addOption(urlOption())
    .option('--json', 'print {"jobs": […], "nextCursor": …}')
    .addHelpText('after', '\nExamples:\n  $ tiresias jobs --state running\n  $ tiresias jobs show "$id"')
    .action(list);
  jobs
    .command('show')
    .description('one job: its state, its arms and, when it has ended, its effects')
    .argument('<id>', 'the job')
    .addOption(urlOption())
    .option('--json', 'print the whole job')
    .addHelpText('after', '\nExample:\n  $ tiresias jobs show "$id" --json | jq .spec')
    .action((id: string, _own, command: Command) => show(id, command.optsWithGlobals())); // the list has the same options
  addJobChanges(jobs);
}

async function list({ url, json, limit, ...filter }: ListOptions): Promise<void> {
  const answer = await connect(url).jobs(filter, limit);
  if (json) {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  const rows = answer.jobs.map((job) => [
    job.id,
    job.state,
    stepsOf(job),
    formatAge(job.createdAt),
    printable(job.name),
  ]);
  process.stdout.write(formatTable([['ID', 'STATE', 'STEPS', 'SUBMITTED', 'NAME'], ...rows]));
  if (answer.nextCursor !== null) process.stderr.write('there are more; --limit shows them\n');
}

// Steps done of those that the arms under way have to do.
function stepsOf(job: Job): string {
  const trained = job.arms.filter(({ arm }) => arm !== 'published');
  const sum = (count: (arm: Job['arms'][number]) => number) => trained.reduce((total, arm) => total + count(arm), 0);
  return trained.length === 0
    ? ''
    : `${sum((arm) => arm.step - arm.fromStep)}/${sum((arm) => arm.toStep - arm.fromStep)}`;
}

async function show(id: string, { url, json }: { url?: string; json?: true }): Promise<void> {
  const api = connect(url);
  const job = await api.job(id);
  if (json) {
    process.stdout.write(`${JSON.stringify(job)}\n`);
    return;
  }
  const effects = FINAL_STATES.includes(job.state) ? await api.effects(id) : [];
  process.stdout.write(describeJob(job) + describeArms(job) + describeEffects(effects));
}

function describeJob(job: Job): string {
  const { spec, startedAt, finishedAt } = job;
  const ran =
    startedAt !== null && finishedAt !== null ? (Date.parse(finishedAt) - Date.parse(startedAt)) / 1000 : null;
  const rows = [
    ['job', job.id],
    ['name', printable(job.name)],
    ['state', job.state + (job.attempt > 1 ? `, attempt ${job.attempt}` : '')],
    ...(job.reason === null ? [] : [['reason', printable(job.reason)]]),
    ...(job.message === null ? [] : [['message', printable(job.message)]]),
    ...(typeof job.heldBy === 'string' ? [['waits', printable(job.heldBy)]] : []),
    ['model', printable(spec.model)],
    ['dataset', printable(spec.dataset)],
    ['submitted', formatAge(job.createdAt) + (job.submittedBy ? ` by ${printable(job.submittedBy.name)}` : '')],
    ...(ran === null ? [] : [['took', formatSeconds(ran)]]),
  ];
  return formatTable(rows);
}

function describeArms({ arms }: Job): string {
  if (arms.length === 0) return '';
  const rows = arms.map(({ arm, state, fromStep, step, toStep }) => [
    arm,
    state,
    String(step),
    `${fromStep} – ${toStep}`,
  ]);
  return `\n${formatTable([['ARM', 'STATE', 'STEP', 'WINDOW'], ...rows])}`;
}

// The effects at the last step that was scored; the steps before are in the page and in the API.
function describeEffects(effects: readonly Effect[]): string {
  if (effects.length === 0) return '';
  const last = Math.max(...effects.map((effect) => effect.step));
  const rows = effects
    .filter((effect) => effect.step === last)
    .map(({ metric, value, interval, pValue, pAdjusted, numItems, ...place }) => [
      printable(placeWords(place)),
      printable(metric),
      value === null ? '' : signed(value),
      interval === null ? 'not estimable' : `${signed(interval[0])} to ${signed(interval[1])}`,
      pValue === null ? '' : pValue.toPrecision(2),
      pAdjusted === null ? '' : pAdjusted.toPrecision(2),
      String(numItems),
    ]);
  const head = ['BENCHMARK', 'METRIC', 'EFFECT', '95 % INTERVAL', 'P', 'HOLM', 'N'];
  const { pScope } = effects[0]!; // at least one
  const words = `intervention − control at step ${last}; p ${pScope}`;
  return `\n${words}\n${formatTable([head, ...rows])}`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}
