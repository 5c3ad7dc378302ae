// `tiresias estimate`: what a job would take here, and how small an effect it could show.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';
import type { Estimate } from './api-answers.ts';
import { wholeNumber } from './options.ts';
import { addSpecOptions, readSpec, type SpecFlags } from './spec-options.ts';
import { placeWords } from './place-words.ts';
import { formatSeconds, formatTable, printable } from './table.ts';

interface EstimateOptions extends SpecFlags {
  readonly url?: string;
  readonly json?: true;
  readonly replicates: number;
}

export function addEstimateCommand(program: Command): void {
  addSpecOptions(
    program
      .command('estimate')
      .description('time, memory, disk and detectable effects of a job, before it is submitted'),
  )
    .option('--replicates <n>', 'model seeds on which it will be done', wholeNumber(1), 1)
    .addOption(urlOption())
    .option('--json', 'print one object')
    .addHelpText('after', '\nExamples:\n  $ tiresias estimate job.json\n  $ tiresias estimate job.json --replicates 5')
    .action(async (file: string | undefined, options: EstimateOptions) => {
      const answer = await connect(options.url).estimate(await readSpec(file, options), options.replicates);
      process.stdout.write(options.json ? `${JSON.stringify(answer)}\n` : describe(answer));
    });
}

function describe({ window, backend, memory, disk, time, sharing, evaluations, ...plan }: Estimate): string {
  const { trainingSeconds } = time;
  const facts = [
    ['steps', `${window.numSteps} (${window.from} to ${window.to}), resumed by ${plan.resume}`],
    ['back end', `${backend.name}, ${backend.basis}`],
    ['micro-batch', `${plan.microBatchSize}${plan.recompute === 'layers' ? ', layers computed again' : ''}`],
    [
      'training',
      `${trainingSeconds === null ? 'not known' : formatSeconds(trainingSeconds)} (${printable(time.basis)})`,
    ],
    [
      'memory',
      `${gb(memory.residentBytesPerTrainer)} a trainer, ${memory.numTrainersAtOnce} at once, of ${gb(memory.machineBytes)}`,
    ],
    ['disk', `${gb(disk.bytes)} for ${disk.numCheckpoints} checkpoints, of ${gb(disk.freeBytes)} free`],
    ...(sharing === undefined ? [] : describeSharing(sharing)),
  ];
  const rows = evaluations.benchmarks.map(({ benchmark, metric, numItems, leastSignificant, detectable, observed }) => [
    printable(benchmark),
    metric ?? '',
    String(numItems),
    leastSignificant === null ? '' : leastSignificant.toFixed(4),
    detectable
      .map(({ shareDiffering, difference }) => `${difference?.toFixed(3) ?? '?'} at ${shareDiffering}`)
      .join(', '),
    observed?.effects.map((one) => `${one.metric} ${one.detectable?.toPrecision(2) ?? '?'}`).join(', ') ??
      'no such job yet',
  ]);
  if (rows.length === 0) return formatTable(facts);
  const head = ['BENCHMARK', 'RATE', 'ITEMS', 'LEAST', 'DETECTABLE AT SHARE DIFFERING', 'OF THE LAST JOB'];
  const seeds = evaluations.benchmarks.map((one) => describeSeeds(one)).join('');
  return `${formatTable(facts)}\n${formatTable([head, ...rows])}${seeds === '' ? '' : `\n${seeds}`}`;
}

/** What other jobs have done of it, and what is left. */
function describeSharing({ numTrainings, parts, left, basis }: NonNullable<Estimate['sharing']>): string[][] {
  const taken = parts
    .filter(({ state }) => state !== 'not here')
    .map(
      ({ part, scoring, state, by }) =>
        `${scoring === null ? part : `${part} ${printable(placeWords(scoring))}`} ${state}${by === null ? '' : ` (job ${printable(by.name)})`}`,
    );
  const { trainingSeconds, numTokens, diskBytes } = left;
  const seconds = trainingSeconds === null ? '' : `${formatSeconds(trainingSeconds)}, `;
  return [
    [
      'shared',
      taken.length === 0 ? `nothing is here yet (${printable(basis)})` : `${taken.join(', ')}; ${printable(basis)}`,
    ],
    [
      'left',
      `${left.numTrainings} of ${numTrainings} trainings: ${seconds}${numTokens} tokens, ${gb(diskBytes)} of disk`,
    ],
  ];
}

/** What the seeds could show of one benchmark, and what that rests on. */
function describeSeeds({ benchmark, overReplicates }: Estimate['evaluations']['benchmarks'][number]): string {
  if (overReplicates === undefined) return '';
  const { numReplicates, basis, effects } = overReplicates;
  const figures = effects.map(({ metric, detectable }) => `${metric} ${detectable?.toPrecision(2) ?? '?'}`);
  const what = figures.length === 0 ? '' : `${figures.join(', ')}; `;
  return `${printable(`${benchmark} over ${numReplicates} model seed${numReplicates === 1 ? '' : 's'}: ${what}${basis}`)}\n`;
}

function gb(bytes: number): string {
  return bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
