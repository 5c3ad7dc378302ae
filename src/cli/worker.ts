// `tiresias worker`: takes jobs from the queue of a PostgreSQL of one's own, any number of workers on any number of hosts.
import { Option, type Command } from 'commander';
import { chooseExecutor } from '../settings.ts';
import { wholeNumber } from './options.ts';

export function addWorkerCommand(program: Command): void {
  program
    .command('worker')
    .description('run jobs; needs DATABASE_URL')
    .addOption(
      new Option('--executor <name>', 'what runs the trainers: this machine, or a Slurm cluster')
        .choices(['local', 'slurm'])
        .env('TIRESIAS_EXECUTOR'),
    )
    .option(
      '--slots <n>',
      'what it may run at once, of which a job takes one unless it says more; default: one a graphics card, else one; with Slurm, a worker only follows its jobs',
      wholeNumber(1),
    )
    .addOption(new Option('--jobs <n>', 'the older name of --slots').argParser(wholeNumber(1)).hideHelp())
    .addHelpText(
      'after',
      '\nSIGTERM or Ctrl-C saves the job in hand and gives it back to the queue; a second one ends the worker at once. `tiresias workers drain` lets it end its job\nfirst. Workers on several hosts need one TIRESIAS_HOME' +
        '\non a file system that they share.\n\nExample:' +
        '\n  $ DATABASE_URL=postgresql://user:password@host/tiresias tiresias worker' +
        '\n  $ TIRESIAS_SLURM_URL=http://login:6820 TIRESIAS_SLURM_TOKEN_FILE=~/.slurm-token tiresias worker --executor slurm --slots 8' +
        '\n\nThe settings for Slurm are in docs/slurm.md. A trainer of this machine that says nothing for\nTIRESIAS_STALL_MINUTES (120) is killed, and started again from its newest checkpoint. A job that needs more slots than are free is passed by smaller ones for\nTIRESIAS_HOLD_MINUTES (10); then the largest worker holds its slots for it.',
    )
    .action(async ({ executor, slots, jobs }: { executor?: string; slots?: number; jobs?: number }) => {
      chooseExecutor(executor, slots ?? jobs);
      await import('../../jobs/main.ts'); // works until it is stopped, then ends the process
    });
}
