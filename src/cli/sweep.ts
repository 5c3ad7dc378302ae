// `tiresias sweep`: one job for every point of a grid.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';
import { readJsonDocument } from './json-document.ts';
import { formatTable, printable } from './table.ts';

export function addSweepCommand(program: Command): void {
  program
    .command('sweep')
    .description('submit a grid of jobs')
    .argument('<file>', 'JSON: {"name"?, "base": a job, "grid": {"dotted.path": [values, …], …}}; - reads stdin')
    .addOption(urlOption())
    .option('--json', 'print the sweep and all its jobs')
    .addHelpText(
      'after',
      '\nExample of a file:' +
        '\n  {"base": {"model": "nano-1m", "checkpoint": "step1330", "dataset": "nano-stories"},' +
        '\n   "grid": {"intervention.probability": [0, 0.25, 0.5, 1], "intervention.seed": [1, 2, 3]}}' +
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
