// `tiresias sweep`: one job for every point of a grid, from a YAML document; what is asked of a sweep afterwards is in sweep-verbs.ts.
import type { Command } from 'commander';
import { urlOption } from './api-client.ts';
import { connectSweeps } from './sweep-client.ts';
import { addSweepVerbs } from './sweep-verbs.ts';
import { watchSweep } from './sweep-watch.ts';
import { formatTable, printable } from './table.ts';
import { readYamlDocument } from './yaml-document.ts';

interface SubmitOptions {
  readonly url?: string;
  readonly json?: true;
  readonly watch?: true;
  readonly dryRun?: true;
  readonly idempotencyKey?: string;
}

const HELP = `
Example of a file:
  base: { model: nano-1m, checkpoint: step1330, dataset: nano-stories }
  grid:
    intervention.direction: [masculine-to-feminine, feminine-to-masculine]
    intervention.probability: [0.1, 0.25, 0.5]
  replicates: # models of other seeds, each with the dataset of its own training
    - { model: nano-1m }
    - { model: nano-1m-seed2, dataset: nano-stories-seed2 }
  maxParallel: 2 # jobs at work at once
  budget: { steps: 5000 } # and/or hours: once it is spent, no job is begun
  stop: # a point that meets a rule begins no further jobs
    - { benchmark: nano-winobias, metric: logOdds, intervalNarrowerThan: 0.2 }

A replicate is a model of another seed (\`tiresias suite build --seed 2\`); an intervention seed is one only where the rewriting draws, at probabilities
between 0 and 1. What would be the same training twice is refused. docs/sweeps.md has every field, and what stop rules do to intervals.

Exit code with --watch: 0 all is done, 3 a job failed, 4 cancelled, 5 the budget is spent and jobs are left. Ctrl-C leaves; the sweep goes on.

Examples:
  $ tiresias sweep grid.yaml --dry-run
  $ tiresias sweep grid.yaml --watch
  $ id=$(tiresias sweep grid.yaml --json | jq -r .sweep.id)
  $ tiresias sweep results "$id" --format csv > results.csv
`;

export function addSweepCommand(program: Command): void {
  const sweep = program
    .command('sweep')
    .description('submit a grid of jobs, and see to it')
    .enablePositionalOptions() // --json and --url mean those of the verb behind it
    .argument('<file>', 'YAML or JSON; - reads stdin')
    .addOption(urlOption())
    .option('--dry-run', 'print the points and how many trainings, and submit nothing')
    .option('--watch', 'stay until the sweep ends')
    .option('--idempotency-key <key>', 'sent again with the same document, the same sweep is answered')
    .option('--json', 'print the sweep and all its jobs, or the plan')
    .addHelpText('after', HELP)
    .action(submit);
  addSweepVerbs(sweep);
}

async function submit(file: string, options: SubmitOptions): Promise<void> {
  const { url, json, watch, dryRun, idempotencyKey } = options;
  const document = await readYamlDocument(file);
  const sweeps = connectSweeps(url);
  const explained = (error: unknown): never => {
    throw document.explain(error);
  };
  if (dryRun) {
    const plan = await sweeps.plan(document.value).catch(explained);
    process.stdout.write(json ? `${JSON.stringify(plan)}\n` : planWords(plan));
    return;
  }
  const answer = await sweeps.submit(document.value, idempotencyKey).catch(explained);
  const rows = answer.jobs.map((job) => [job.id, job.state, printable(job.name)]);
  const words = `sweep ${answer.sweep.id}: ${answer.jobs.length} jobs\n${formatTable(rows)}`;
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : words);
  if (watch) process.exitCode = await watchSweep(sweeps, answer.sweep.id, { isQuiet: json === true });
}

type Plan = Awaited<ReturnType<ReturnType<typeof connectSweeps>['plan']>>;

function planWords({ name, points, numTrainings, numDistinctControls, numTrainingsIfShared }: Plan): string {
  const isLess = numTrainingsIfShared !== undefined && numTrainingsIfShared < numTrainings;
  const shared = isLess ? `; ${numTrainingsIfShared} trainings when they share their controls` : '';
  const rows = points.map((point, i) => [String(i + 1), printable(point.name)]);
  const words = `${printable(name)}: ${points.length} jobs, ${numTrainings} trainings, of which ${numDistinctControls} different controls${shared}`;
  return `${words}; nothing was submitted\n${formatTable(rows)}`;
}
