// `tiresias doctor`: what this machine has and lacks, and what to do about each.
import type { Command } from 'commander';
import { checkMachine, type Check } from './machine-checks.ts';
import { formatTable } from './table.ts';

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check this machine: what is there, what is missing, what to do')
    .option('--json', 'print {"isReady", "checks": [{"name", "status", "detail", "advice"}]}')
    .addHelpText(
      'after',
      '\nok: works. missing: needed, and the exit code is 1. optional: not there, and only what the line says goes without it.' +
        '\n\nExample:\n  $ tiresias doctor',
    )
    .action(async ({ json }: { json?: true }) => {
      const checks = await checkMachine();
      const isReady = checks.every(({ status }) => status !== 'missing');
      process.stdout.write(json ? `${JSON.stringify({ isReady, checks })}\n` : describe(checks, isReady));
      if (!isReady) process.exitCode = 1;
    });
}

function describe(checks: readonly Check[], isReady: boolean): string {
  const table = formatTable(checks.map(({ name, status, detail }) => [status, name, detail]));
  const todo = checks.flatMap(({ name, advice }) => (advice === null ? [] : [`  ${name}: ${advice}\n`]));
  const verdict = isReady ? 'Ready.\n' : 'Not ready: mend what is missing first.\n';
  return `${table}${todo.length === 0 ? '' : `\nWhat to do\n${todo.join('')}`}\n${verdict}`;
}
