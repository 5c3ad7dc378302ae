// `tiresias worker`: takes jobs from the queue of a PostgreSQL of one's own, any number of workers on any number of hosts.
import type { Command } from 'commander';

export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run jobs; needs DATABASE_URL')
    .addHelpText(
      'after',
      '\nSIGTERM or Ctrl-C saves the job in hand and gives it back to the queue. Workers on several hosts need one TIRESIAS_HOME' +
        '\non a file system that they share.\n\nExample:' +
        '\n  $ DATABASE_URL=postgresql://user:password@host/tiresias tiresias worker',
    )
    .action(async () => {
      await import('../../jobs/main.ts'); // works until it is stopped, then ends the process
    });
}
