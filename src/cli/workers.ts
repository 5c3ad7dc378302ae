// `tiresias workers`: who is at work on what; and orders to one of them, for whoever takes care of its machine.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';
import type { Worker } from './api-answers.ts';
import { formatAge, formatSeconds, formatTable, printable } from './table.ts';

interface Where {
  readonly url?: string;
  readonly json?: true;
}

/** A worker beats every few seconds; one that has been silent for so long was killed, or has lost the database. */
const SILENT_MS = 30_000;

export function addWorkersCommand(program: Command): void {
  const workers = program
    .command('workers')
    .description('the workers, their jobs, and orders to one of them')
    .addOption(urlOption())
    .option('--json', 'print {"workers": […]}')
    .addHelpText(
      'after',
      '\nOrders need a token with the scope admin where the server asks for tokens.\n\nExamples:' +
        '\n  $ tiresias workers\n  $ tiresias workers drain "$id"   # before its machine is rebooted',
    )
    .action(list);
  for (const [name, words] of [
    ['drain', 'let a worker end the jobs in its hands, take no other, and end'],
    ['hold', 'let a worker take no job until it is released'],
    ['release', 'take hold or drain back'],
  ] as const) {
    workers
      .command(name)
      .description(words)
      .argument('<id>', 'the worker')
      .addOption(urlOption())
      .option('--json', 'print the worker')
      .addHelpText('after', `\nExample:\n  $ tiresias workers ${name} "$id"`)
      .action(async (id: string, _own, command: Command) => {
        const { url, json } = command.optsWithGlobals<Where>(); // the list has the same options
        const worker = await connect(url).orderWorker(id, name);
        process.stdout.write(json ? `${JSON.stringify(worker)}\n` : describe([worker]));
      });
  }
}

async function list({ url, json }: Where): Promise<void> {
  const { workers } = await connect(url).workers();
  process.stdout.write(json ? `${JSON.stringify({ workers })}\n` : describe(workers));
}

function describe(workers: readonly Worker[]): string {
  const rows = workers.map(({ id, host, pid, numSlots, startedAt, beatAgeMs, order, jobs }) => [
    id,
    printable(`${host}:${pid}`),
    beatAgeMs > SILENT_MS ? `silent for ${formatSeconds(beatAgeMs / 1_000)}` : (order ?? 'at work'),
    String(numSlots),
    formatAge(startedAt),
    printable(jobs.map(({ id: job, name }) => `${job} ${name}`).join(', ')),
  ]);
  return formatTable([['ID', 'PROCESS', 'STATE', 'SLOTS', 'STARTED', 'JOBS'], ...rows]);
}
