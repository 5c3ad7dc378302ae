// `tiresias verify`: steps of a job made again from its manifest, and everything that comes out compared with what was recorded.
import { Option, type Command } from 'commander';
import { prepare } from '../../jobs/preparation.ts';
import type { Finding, Verdict } from '../../jobs/verify/finding.ts';
import { TOLERANCES } from '../../jobs/verify/retrain.ts';
import { verifyJob, type Report } from '../../jobs/verify/verify.ts';
import { homeFolder, hubAccess } from '../settings.ts';
import { BACKENDS, type BackendName } from '../tensor/backend.ts';
import { urlOption } from './api-client.ts';
import { readJobRecord } from './job-record.ts';
import { wholeNumber } from './options.ts';
import { scoreFindings } from './score-findings.ts';
import { startProgress, type Progress } from './progress.ts';
import { formatTable, printable } from './table.ts';

interface VerifyOptions {
  readonly steps: number;
  readonly seed: number;
  readonly reach: number;
  readonly rowsOnly?: true;
  readonly backend?: BackendName;
  readonly url?: string;
  readonly json?: true;
}

const HELP = `
Compares the files here with the hashes in the manifest; makes the rows of the drawn steps again, before and after rewriting; and trains again, from the
nearest kept checkpoint, those steps that one lies near to: loss, gradient norm and, where another kept checkpoint is reached, weights and moments. On the same
back end, machine type and versions every bit must be the same. Elsewhere the loss may differ by ${TOLERANCES.loss}, the gradient norm by ${TOLERANCES.gradientNorm} of itself, and weights
and moments by ${TOLERANCES.weights} of their norm. What could not be checked is said, with the reason. Exit code: 0 nothing differs, 1 something does.

With a job's id, the server's database computes every stored score again from the stored items.

A manifest is what /v1/jobs/ID/manifest answers. With a file no server is needed: models, datasets and checkpoints are looked for in TIRESIAS_HOME by the
names that the manifest has, checkpoints also where they were written.

Examples:
  $ tiresias verify "$id"
  $ tiresias verify "$id" --steps 1000 --rows-only
  $ curl -s http://127.0.0.1:8642/v1/jobs/$id/manifest > manifest.json
  $ TIRESIAS_HOME=elsewhere tiresias verify manifest.json --steps 10 --reach 50 --json
`;

/** Registers the command. */
export function addVerifyCommand(program: Command): void {
  program
    .command('verify')
    .description('make steps of a job again from its manifest, and compare')
    .argument('<job>', "the job's id, or a file with its manifest")
    .option('--steps <k>', 'steps of each trained arm', wholeNumber(1), 4)
    .option('--seed <s>', 'which steps are drawn', wholeNumber(0), 1)
    .option(
      '--reach <n>',
      'steps that are trained at most to come from a checkpoint to a drawn step',
      wholeNumber(1),
      10,
    )
    .option('--rows-only', 'leave training out')
    .addOption(new Option('--backend <name>', "what computes (default: the job's)").choices(BACKENDS))
    .addOption(urlOption())
    .option('--json', 'print every finding')
    .addHelpText('after', HELP)
    .action(verify);
}

async function verify(name: string, options: VerifyOptions): Promise<void> {
  const home = homeFolder();
  const record = await readJobRecord(name, options.url);
  const preparation = await prepare(record.spec, record.plan, home, { hub: hubAccess(), start: record.start });
  let progress: Progress | undefined;
  let done = 0;
  let report: Report;
  try {
    report = await verifyJob(record, preparation, {
      ...{ home, numSteps: options.steps, seed: options.seed, reach: options.reach, backend: options.backend },
      isRowsOnly: options.rowsOnly === true,
      onPlan: (total) => (progress = startProgress(total)),
      onStep: (words) => progress?.update(++done, words),
    });
    const scores = await scoreFindings(name, options.url);
    report = { ...report, findings: [...report.findings, ...scores] };
  } finally {
    progress?.stop();
  }
  process.stdout.write(options.json ? `${JSON.stringify({ ...report, ...countsOf(report) })}\n` : describe(report));
  if (report.findings.some(({ verdict }) => verdict === 'differs')) process.exitCode = 1;
}

function countsOf({ findings }: Report): { counts: Record<Verdict, number> } {
  const count = (wanted: Verdict) => findings.filter(({ verdict }) => verdict === wanted).length;
  const verdicts: readonly Verdict[] = ['equal', 'within tolerance', 'differs', 'not checked'];
  return {
    counts: Object.fromEntries(verdicts.map((verdict) => [verdict, count(verdict)])) as Record<Verdict, number>,
  };
}

function describe(report: Report): string {
  const { job, basis, otherThanThen, findings } = report;
  const { counts } = countsOf(report);
  const ofRuns = findings
    .filter(({ step }) => step !== undefined)
    .sort((a, b) => (a.arm ?? '').localeCompare(b.arm ?? '') || (a.step ?? 0) - (b.step ?? 0));
  const table = formatTable([['ARM', 'STEP', 'WHAT', 'VERDICT'], ...rowsOf(ofRuns)]);
  const listed = (title: string, wanted: Verdict) => {
    const lines = findings.filter(({ verdict }) => verdict === wanted).map((finding) => `  ${inWords(finding)}\n`);
    return lines.length === 0 ? '' : `\n${title}\n${lines.join('')}`;
  };
  return (
    `${job.id} ${printable(job.name)}: compared ${basis}\n` +
    otherThanThen.map((words) => `  ${printable(words)}\n`).join('') +
    (ofRuns.length > 0 ? `\n${table}` : '') +
    listed('not checked', 'not checked') +
    listed('DIFFERENT', 'differs') +
    `\n${Object.entries(counts)
      .map(([verdict, count]) => `${count} ${verdict}`)
      .join(', ')}\n`
  );
}

/** One line a step, verdicts of the same kind together. */
function rowsOf(findings: readonly Finding[]): string[][] {
  const lines = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = `${finding.arm ?? ''} ${finding.step ?? ''} ${finding.verdict}`;
    lines.set(key, [...(lines.get(key) ?? []), finding]);
  }
  return [...lines.values()].map((group) => {
    const { arm = '', step, verdict } = group[0]!; // a group has one at least
    return [arm, String(step), group.map(({ subject }) => subject).join(', '), verdict];
  });
}

function inWords({ subject, arm, step, expected, found, words }: Finding): string {
  const where = [arm, step === undefined ? undefined : `step ${step}`].filter((part) => part !== undefined).join(', ');
  const values = expected === undefined ? '' : `: expected ${expected}, found ${found ?? 'none'}`;
  return printable(`${where === '' ? '' : `${where}: `}${subject}${values}${words === undefined ? '' : `: ${words}`}`);
}
