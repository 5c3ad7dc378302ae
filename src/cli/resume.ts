// `tiresias resume`: a paused job is queued again.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';

export function addResumeCommand(program: Command): void {
  program
    .command('resume')
    .description('queue a paused job again: it goes on from its newest checkpoints')
    .argument('<id>', 'the job')
    .addOption(urlOption())
    .option('--json', 'print the whole job')
    .addHelpText('after', '\nExample:\n  $ tiresias resume "$id"')
    .action(async (id: string, { url, json }: { url?: string; json?: true }) => {
      const job = await connect(url).resume(id);
      process.stdout.write(`${json ? JSON.stringify(job) : job.state}\n`);
    });
}
