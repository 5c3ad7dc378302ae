// `tiresias compare`: jobs side by side with what was published, and effects over replicates, of jobs or of a sweep.
import type { Command } from 'commander';
import { InputError } from '../errors.ts';
import { connect, urlOption } from './api-client.ts';
import type { Comparison, ReplicateGroup } from './api-answers.ts';
import { placeWords } from './place-words.ts';
import { formatTable, printable } from './table.ts';

interface CompareOptions {
  readonly sweep?: string;
  readonly parts?: true;
  readonly url?: string;
  readonly json?: true;
}

type Metric = Comparison['metrics'][number];
type Compared = Metric['jobs'][number];

const HELP = `
Of every metric the last scores of each job: control, intervention, the effect (intervention − control, item by item) with its 95 % interval and p, and
what was published of the same model at the same step, with the warnings that it must be read with. A p speaks of the two trained models alone.
Jobs that differ in seeds alone are replicates: their mean effect has Student's interval over the seeds of the model. The seed of the intervention counts
only where the rewriting draws; a job that repeats another's training counts for nothing.

Examples:
  $ tiresias compare "$one" "$other"
  $ tiresias compare --sweep "$id" --json
`;

/** Registers the command. */
export function addCompareCommand(program: Command): void {
  program
    .command('compare')
    .description('jobs side by side, with published figures, and effects over replicates')
    .argument('[jobs...]', 'ids of jobs, 20 at most')
    .option('--sweep <id>', 'the replicates of a sweep instead')
    .option('--parts', 'also scores of parts of the items')
    .addOption(urlOption())
    .option('--json', 'print the answer')
    .addHelpText('after', HELP)
    .action(compare);
}

async function compare(ids: readonly string[], { sweep, parts, url, json }: CompareOptions): Promise<void> {
  if ((sweep === undefined) === (ids.length === 0)) throw new InputError('give ids of jobs, or --sweep and its id');
  const isShown = ({ metric }: { metric: string }) => parts === true || !metric.includes('.');
  if (sweep !== undefined) {
    const answer = await connect(url).sweep(sweep);
    const { name, id } = answer.sweep;
    const head = `sweep ${id} ${printable(name)}\n`;
    process.stdout.write(json ? `${JSON.stringify(answer)}\n` : head + describeReplicates(answer.replicates, isShown));
    return;
  }
  const answer = await connect(url).compare(ids);
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : describe(answer, isShown));
}

function describe(answer: Comparison, isShown: (row: { metric: string }) => boolean): string {
  const numbers = new Map(answer.jobs.map(({ id }, i) => [id, String(i + 1)]));
  const jobs = formatTable(answer.jobs.map((job, i) => [`${i + 1}`, job.id, job.state, printable(job.name)]));
  const shown = answer.metrics.filter(isShown);
  const tables = [...new Set(shown.map(placeWords))].map((place) => {
    const rows = shown.filter((row) => placeWords(row) === place);
    const header = ['metric', 'job', 'control', 'intervention', 'effect', 'p', 'published there'];
    return `\n${place}\n${formatTable([header, ...rows.flatMap((row) => linesOf(row, numbers))])}`;
  });
  const published = shown.flatMap((row) => row.jobs.flatMap((job) => job.published));
  const warnings = new Map(published.flatMap((row) => row.warnings.map(({ label, detail }) => [label, detail])));
  const labels = new Map(
    answer.labels.map((label) => [`job ${numbers.get(label.id)}, ${label.arm}: ${label.label}`, label.detail]),
  );
  const scope = shown.flatMap((row) => row.jobs).find(({ effect }) => effect !== null)?.effect?.pScope;
  const notes = [...labels, ...warnings].map(([label, detail]) => `  ${printable(label)}: ${printable(detail)}\n`);
  return (
    jobs +
    tables.join('') +
    (scope === undefined ? '' : `\nEvery p is ${scope}.\n`) +
    (notes.length === 0 ? '' : `\nRead with care:\n${notes.join('')}`) +
    describeReplicates(answer.replicates, isShown)
  );
}

function linesOf(row: Metric, numbers: ReadonlyMap<string, string>): string[][] {
  return row.jobs.map((job, i) => [
    ...[
      i === 0 ? row.metric : '',
      numbers.get(job.id) ?? '',
      scoreWords(job, 'control'),
      scoreWords(job, 'intervention'),
    ],
    ...[effectWords(job.effect), pWords(job.effect), publishedWords(job)],
  ]);
}

function scoreWords({ scores }: Compared, arm: string): string {
  const score = scores[arm];
  return score === undefined ? '–' : `${figure(score.value)} ${intervalWords(score.interval)}`;
}

function effectWords(effect: Compared['effect']): string {
  if (effect === null || effect.value === null) return '–';
  return `${figure(effect.value)} ${intervalWords(effect.interval)}`;
}

function pWords(effect: Compared['effect']): string {
  if (effect === null || effect.pValue === null) return '–';
  return effect.pValue < 0.001 ? '< 0.001' : effect.pValue.toFixed(3);
}

function publishedWords({ published }: Compared): string {
  const words = published.map(({ condition, value, warnings }) => {
    const labels = warnings.map(({ label }) => label).join(', ');
    return `${condition} ${figure(value)}${labels === '' ? '' : ` (${labels})`}`;
  });
  return words.join('; ') || '–';
}

function describeReplicates(groups: readonly ReplicateGroup[], isShown: (row: { metric: string }) => boolean): string {
  return groups
    .map((group) => {
      const point =
        group.point === null
          ? []
          : Object.entries(group.point).map(([path, value]) => `${path} ${JSON.stringify(value)}`);
      const header = ['benchmark', 'metric', 'mean effect', 's.e.', '95 % interval', 'n', 'by seed'];
      const rows = group.effects
        .filter(isShown)
        .map((effect) => [
          ...[placeWords(effect), effect.metric, figure(effect.value)],
          ...[effect.standardError === null ? '–' : figure(effect.standardError), intervalWords(effect.interval)],
          String(effect.numReplicates),
          effect.replicates.map(({ seed, value }) => `${seed ?? '?'}: ${figure(value)}`).join(', '),
        ]);
      const refused = group.refused.map(({ id, detail }) => `  ${id}: ${detail}\n`).join('');
      const head = `\n${[group.family, ...point].map(printable).join(', ')}: ${group.scope}\n`;
      return (
        head + (rows.length === 0 ? 'no job has both arms at its end\n' : formatTable([header, ...rows])) + refused
      );
    })
    .join('');
}

function intervalWords(interval: readonly [number, number] | null): string {
  return interval === null ? '[not estimable]' : `[${figure(interval[0])}, ${figure(interval[1])}]`;
}

function figure(value: number): string {
  return (Object.is(value, -0) ? 0 : value).toFixed(Math.abs(value) >= 10 ? 2 : 4);
}
