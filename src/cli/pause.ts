// `tiresias pause`: a job is saved and lets its worker go, until it is resumed.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';

export function addPauseCommand(program: Command): void {
  program
    .command('pause')
    .description('ask a job to wait: at once when it is queued, saved within a step when it runs')
    .argument('<id>', 'the job')
    .addOption(urlOption())
    .option('--json', 'print the whole job')
    .addHelpText('after', '\nExample:\n  $ tiresias pause "$id"')
    .action(async (id: string, { url, json }: { url?: string; json?: true }) => {
      const job = await connect(url).pause(id);
      process.stdout.write(`${json ? JSON.stringify(job) : job.state}\n`);
    });
}
