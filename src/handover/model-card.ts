// The README.md of a Hugging Face folder: what was done to the model, with what proof and which scores, in the form of a model card (front matter in YAML).
import { stringify } from 'yaml';
import { nameOf, type Effect, type JobReport, type Score } from './job-report.ts';

export interface CardSubject {
  readonly arm: string;
  /** Updates finished. */
  readonly step: number;
  /** Of the checkpoint that the folder was made of. */
  readonly manifestSha256: string;
}

interface Intervention {
  readonly direction?: string;
  readonly policy?: string;
  readonly probability?: number;
  readonly seed?: number;
}

const WHAT: Readonly<Record<string, string>> = {
  control: 'It saw the same rows as the intervention, unchanged: the arm to compare with.',
  placebo: 'As many words as in the intervention were replaced by others of no gender.',
  published: 'These are the published weights.',
};

/** The card of one arm's checkpoint. */
export function modelCard(report: JobReport, subject: CardSubject): string {
  const { job } = report;
  const { arm, step } = subject;
  const model = String(job.spec['model']);
  const matter = {
    base_model: model,
    library_name: 'transformers',
    pipeline_tag: 'text-generation',
    tags: ['tiresias', 'bias-intervention', arm],
  };
  const effects = arm === 'intervention' ? report.effects.filter((effect) => effect.step === step) : [];
  const scores = report.scores.filter((score) => score.arm === arm && score.step === step);
  const labels = report.labels.filter((label) => label.arm === arm);
  return [
    `---\n${stringify(matter)}---\n`,
    `# ${model}, ${arm} at step ${step}\n`,
    `${describeTraining(report, subject)}\n`,
    section(
      'Read with its scores',
      labels.map(({ label, benchmark, detail }) => `- **${label}** (${benchmark}): ${detail}`).join('\n'),
    ),
    section('Scores of this model', table(['score', 'value', '95 % interval', 'n'], scores.map(scoreCells))),
    section(
      'Effect of the intervention',
      effects.length === 0
        ? ''
        : `${table(['score', 'intervention − control', '95 % interval', 'p, adjusted', 'n'], effects.map(effectCells))}\n\nEvery p is ${effects[0]!.pScope}.`,
    ),
    section('Proof', describeProof(report, subject)),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Of the steps before this one: a checkpoint is named by the updates that are finished. */
function sumOf({ curves }: JobReport, name: string, { arm, step }: CardSubject): number {
  const values = curves[arm]?.[name] as readonly (number | null)[] | undefined;
  return curves[arm]?.step.reduce((sum, one, i) => sum + (one < step ? (values?.[i] ?? 0) : 0), 0) ?? 0;
}

function describeTraining(report: JobReport, subject: CardSubject): string {
  const { spec } = report.job;
  const { arm, step } = subject;
  const { direction, policy, probability, seed } = (spec['intervention'] ?? {}) as Intervention;
  const from = `Training was resumed from ${String(spec['checkpoint'])} of ${String(spec['model'])} on its own next batches (${String(spec['dataset'])}) up to step ${step}.`;
  if (arm !== 'intervention') return `${from} ${WHAT[arm] ?? ''}`.trim();
  const rewriting = `In them gendered words were rewritten: direction ${direction}, policy ${policy}, probability ${probability}, seed ${seed}.`;
  const numEdits = sumOf(report, 'numEdits', subject);
  const [numRowsChanged, numRows] = [sumOf(report, 'numRowsChanged', subject), sumOf(report, 'numRows', subject)];
  const share = numRows === 0 ? 0 : (100 * numRowsChanged) / numRows;
  return `${from} ${rewriting} ${numEdits.toLocaleString('en')} words in ${numRowsChanged.toLocaleString('en')} of ${numRows.toLocaleString('en')} rows (${share.toFixed(1)} %) were changed.`;
}

function describeProof({ job }: JobReport, { manifestSha256 }: CardSubject): string {
  return (
    `Job ${job.id} of Tiresias. Its manifest holds every setting, the SHA-256 of all files, and of every step's rows before and after rewriting; ` +
    `\`tiresias verify ${job.id}\` repeats them. SHA-256 of the checkpoint's manifest: \`${manifestSha256}\`.`
  );
}

function scoreCells(score: Score): string[] {
  return [nameOf(score), number(score.value), ends(score.interval), String(score.numItems)];
}

function effectCells(effect: Effect): string[] {
  return [
    nameOf(effect),
    number(effect.value),
    ends(effect.interval),
    number(effect.pAdjusted),
    String(effect.numItems),
  ];
}

function section(title: string, body: string): string {
  return body === '' ? '' : `## ${title}\n\n${body}\n`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function number(value: number | null): string {
  return value === null ? 'not estimable' : String(Number(value.toPrecision(4)));
}

function ends(interval: readonly [number, number] | null): string {
  return interval === null ? 'not estimable' : `${number(interval[0])} to ${number(interval[1])}`;
}
