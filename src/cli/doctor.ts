// `tiresias doctor`: what this machine has and lacks, and what to do about each; with `--gpu` or `--contract`, whether a back end computes
// as it should.
import { Option, type Command } from 'commander';
import { BACKENDS, type BackendName } from '../tensor/backend.ts';
import { probeNative } from '../tensor/native.ts';
import { describeReport, describeResult, runContract } from './contract-report.ts';
import { checkMachine, type Check } from './machine-checks.ts';
import { formatTable } from './table.ts';

interface DoctorOptions {
  readonly json?: true;
  readonly gpu?: true;
  readonly contract?: BackendName;
}

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check this machine: what is there, what is missing, what to do')
    .option('--gpu', 'run the contract of all back ends on the GPU: every operation and its gradient')
    .addOption(new Option('--contract <backend>', 'run it on this back end').choices(BACKENDS).conflicts('gpu'))
    .option(
      '--json',
      'print {"isReady", "checks": […]}, or {"backend", "isPassed", "reason", "machine", "checks": […]}',
    )
    .addHelpText(
      'after',
      '\nok: works. missing: needed, and the exit code is 1. optional: not there, and only what the line says goes without it.' +
        '\nThe exit code is 1, too, when a check of the contract fails.' +
        '\n\nExample:\n  $ tiresias doctor\n  $ tiresias doctor --gpu',
    )
    .action(async ({ json, gpu, contract }: DoctorOptions) => {
      const ofCard = probeNative('cuda').works ? 'cuda' : 'tensorflow';
      if (gpu || contract !== undefined) await checkContract(contract ?? ofCard, gpu === true, json === true);
      else await checkAll(json === true);
    });
}

async function checkAll(asJson: boolean): Promise<void> {
  const checks = await checkMachine();
  const isReady = checks.every(({ status }) => status !== 'missing');
  process.stdout.write(asJson ? `${JSON.stringify({ isReady, checks })}\n` : describe(checks, isReady));
  if (!isReady) process.exitCode = 1;
}

async function checkContract(backend: BackendName, needsGpu: boolean, asJson: boolean): Promise<void> {
  const report = await runContract(backend, needsGpu, (result) => {
    if (!asJson) process.stdout.write(describeResult(result));
  });
  process.stdout.write(asJson ? `${JSON.stringify(report)}\n` : describeReport(report));
  if (!report.isPassed) process.exitCode = 1;
}

function describe(checks: readonly Check[], isReady: boolean): string {
  const table = formatTable(checks.map(({ name, status, detail }) => [status, name, detail]));
  const todo = checks.flatMap(({ name, advice }) => (advice === null ? [] : [`  ${name}: ${advice}\n`]));
  const verdict = isReady ? 'Ready.\n' : 'Not ready: mend what is missing first.\n';
  return `${table}${todo.length === 0 ? '' : `\nWhat to do\n${todo.join('')}`}\n${verdict}`;
}
