// `tiresias cancel`: asks for a job to be ended; its worker saves what there is and lets go.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';

export function addCancelCommand(program: Command): void {
  program
    .command('cancel')
    .description('cancel a job: at once when it waits, within a step when it runs')
    .argument('<id>', 'the job')
    .addOption(urlOption())
    .option('--json', 'print the whole job')
    .addHelpText('after', '\nExample:\n  $ tiresias cancel "$id"')
    .action(async (id: string, { url, json }: { url?: string; json?: true }) => {
      const job = await connect(url).cancel(id);
      process.stdout.write(`${json ? JSON.stringify(job) : job.state}\n`);
    });
}
