// `tiresias sweep`: one job for every point of a grid.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';
import { readJsonDocument } from './json-document.ts';
import { formatTable, printable } from './table.ts';

export function addSweepCommand(program: Command): void {
  program
    .command('sweep')
    .description('submit a grid of jobs')
    .argument(
      '<file>',
      'JSON: {"name"?, "base": a job, "grid": {"dotted.path": [values, …], …}, "replicates"?: [models of other seeds]}; - reads stdin',
    )
    .addOption(urlOption())
    .option('--json', 'print the sweep and all its jobs')
    .addHelpText(
      'after',
      '\nExample of a file:' +
        '\n  {"base": {"model": "nano-1m", "checkpoint": "step1330", "dataset": "nano-stories"},' +
        '\n   "grid": {"intervention.probability": [0.25, 0.5, 1]},' +
        '\n   "replicates": [{"model": "nano-1m"}, {"model": "nano-1m-seed2", "dataset": "nano-stories-seed2"}]}' +
        '\n\nA replicate is a model of another seed (`tiresias suite build --seed 2`), with the dataset of its own training; an intervention seed is one only' +
        '\nwhere the rewriting draws, at probabilities between 0 and 1. What would be the same training twice is refused.' +
        '\n\nExamples:\n  $ tiresias sweep grid.json\n  $ tiresias jobs --sweep "$(tiresias sweep grid.json --json | jq -r .sweep.id)"',
    )
    .action(async (file: string, { url, json }: { url?: string; json?: true }) => {
      const answer = await connect(url).submitSweep(await readJsonDocument(file));
      if (json) {
        process.stdout.write(`${JSON.stringify(answer)}\n`);
        return;
      }
      const rows = answer.jobs.map((job) => [job.id, job.state, printable(job.name)]);
      process.stdout.write(`sweep ${answer.sweep.id}: ${answer.jobs.length} jobs\n${formatTable(rows)}`);
    });
}
