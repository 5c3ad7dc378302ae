// `tiresias submit`: a job from a file, from flags, or from a file whose fields the flags change.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';
import { addSpecOptions, readSpec, type SpecFlags } from './spec-options.ts';
import { exitCodeOf, watchJob } from './watch.ts';

interface SubmitOptions extends SpecFlags {
  readonly url?: string;
  readonly json?: true;
  readonly watch?: true;
  readonly idempotencyKey?: string;
}

export function addSubmitCommand(program: Command): void {
  addSpecOptions(program.command('submit').description('submit a job; its id is printed'))
    .option('--idempotency-key <key>', 'sent again with the same job, the same job is answered')
    .addOption(urlOption())
    .option('--watch', 'stay until the job ends, as `tiresias watch` does')
    .option('--json', 'print the whole job')
    .addHelpText(
      'after',
      '\nExamples:' +
        '\n  $ tiresias submit --model nano-1m --checkpoint step1330 --dataset nano-stories --watch' +
        '\n  $ tiresias submit job.json --probability 0.25' +
        '\n  $ id=$(tiresias submit - < job.json)',
    )
    .action(submit);
}

async function submit(file: string | undefined, options: SubmitOptions): Promise<void> {
  const spec = await readSpec(file, options);
  const api = connect(options.url);
  const job = await api.submit(spec, options.idempotencyKey);
  process.stdout.write(`${options.json ? JSON.stringify(job) : job.id}\n`);
  if (options.watch) process.exitCode = exitCodeOf(await watchJob(api, job.id, options.json === true));
  else process.stderr.write(`${job.state}; \`tiresias watch ${job.id}\` follows it\n`);
}
