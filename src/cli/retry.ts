// `tiresias retry`: a failed job goes on from its newest checkpoints, once what failed it is mended.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';

export function addRetryCommand(program: Command): void {
  program
    .command('retry')
    .description('queue a failed job again: it goes on from its newest checkpoints')
    .argument('<id>', 'the job')
    .addOption(urlOption())
    .option('--json', 'print the whole job')
    .addHelpText('after', '\nExample:\n  $ tiresias retry "$id"')
    .action(async (id: string, { url, json }: { url?: string; json?: true }) => {
      const job = await connect(url).retry(id);
      process.stdout.write(`${json ? JSON.stringify(job) : job.state}\n`);
    });
}
