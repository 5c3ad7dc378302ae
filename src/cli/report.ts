// A job's result in a terminal: scores per arm with n and interval, effects with interval and p, labels, sample edits.
import { placeWords, type Place } from './place-words.ts';

export interface ScoreRow extends Place {
  readonly arm: string;
  readonly step: number;
  readonly metric: string;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  readonly numItems: number;
}

export interface EffectRow extends Place {
  readonly metric: string;
  readonly step: number;
  readonly value: number;
  readonly interval: readonly [number, number] | null;
  readonly pValue: number | null;
  readonly pAdjusted: number | null;
  readonly pScope: string;
  readonly numItems: number;
}

export interface ScoresAnswer {
  readonly scores: readonly ScoreRow[];
  readonly effects: readonly EffectRow[];
  /** Left out by servers that know of no placebo. */
  readonly noiseFloor?: readonly EffectRow[];
  readonly fidelity: readonly EffectRow[];
  readonly labels: readonly { arm: string; benchmark: string; label: string; detail: string }[];
}

export interface EditsAnswer {
  readonly edits: readonly {
    readonly step: number;
    readonly rule: string;
    readonly before: string;
    readonly after: string;
    readonly contextBefore: string;
    readonly contextAfter: string;
  }[];
  readonly totals: { numEdits: number; numRowsChanged: number; numRows: number; byRule: Record<string, number> };
}

const ARM_ORDER = ['published', 'control', 'intervention', 'placebo'];
const METRICS: Readonly<Record<string, string>> = {
  proRate: 'pro-stereotype rate',
  'proRate.masculine': '  masculine half',
  'proRate.feminine': '  feminine half',
  pctStereotype: 'stereotype rate',
  'pctStereotype.masculine': '  masculine half',
  'pctStereotype.feminine': '  feminine half',
  accuracy: 'exact matches',
  netBias: 'exact matches, pro − anti',
  choiceRate: 'stereotyped pronoun chosen',
  'choiceRate.masculine': '  masculine half',
  'choiceRate.feminine': '  feminine half',
  logOdds: 'log P(he) − log P(she), nats',
  perplexity: 'perplexity',
  lossNats: 'loss, nats a token',
};

/** The table of final scores and effects at `step`. */
export function describeResult(answer: ScoresAnswer, step: number): string {
  const places = [...new Set(answer.scores.map(placeWords))];
  const tables = places.map((place) => describePlace(answer, place, step));
  const labels = answer.labels.map(
    ({ arm, benchmark, label, detail }) => `  ${arm}, ${benchmark}: ${label} – ${detail}\n`,
  );
  const scope = answer.effects[0]?.pScope;
  const tests = scope === undefined ? '' : ` p ${scope}, alone and by Holm's method for all whole scores of the step.`;
  const reading = `Effect = intervention − control, item by item; [95 % interval].${tests}\n`;
  return `\n${tables.join('\n')}\n${reading}${labels.length > 0 ? `\nRead with care:\n${labels.join('')}` : ''}`;
}

function describePlace(answer: ScoresAnswer, place: string, step: number): string {
  const here = <T extends Place & { step: number }>(rows: readonly T[]) =>
    rows.filter((row) => placeWords(row) === place && row.step === step);
  const scores = here(answer.scores);
  const effects = here(answer.effects);
  const noiseFloor = here(answer.noiseFloor ?? []);
  const fidelity = here(answer.fidelity);
  const arms = ARM_ORDER.filter((arm) => scores.some((score) => score.arm === arm));
  const hasPlacebo = arms.includes('placebo');
  const header = [
    place,
    ...arms,
    'effect',
    'p, Holm',
    ...(hasPlacebo ? ['placebo − control'] : []),
    'control − published',
  ];
  const rows = Object.entries(METRICS)
    .filter(([metric]) => scores.some((score) => score.metric === metric))
    .map(([metric, words]) => {
      const cells = arms.map((arm) => scores.find((score) => score.arm === arm && score.metric === metric));
      const effect = effects.find((row) => row.metric === metric);
      const noise = noiseFloor.find((row) => row.metric === metric);
      const drift = fidelity.find((row) => row.metric === metric);
      const n = cells.find((cell) => cell !== undefined)?.numItems ?? 0;
      const figures = [...cells.map(withInterval), withInterval(effect), pWords(effect)];
      const others = [...(hasPlacebo ? [withInterval(noise)] : []), withInterval(drift)];
      return [`${words} (n = ${n})`, ...figures, ...others];
    });
  return alignColumns([header, ...rows]);
}

function withInterval(cell: { value: number; interval: readonly [number, number] | null } | undefined): string {
  if (cell === undefined) return '–';
  const range =
    cell.interval === null ? ' [not estimable]' : ` [${figure(cell.interval[0])}, ${figure(cell.interval[1])}]`;
  return `${figure(cell.value)}${range}`;
}

function pWords(effect: EffectRow | undefined): string {
  if (effect === undefined || effect.pValue === null) return '–';
  const words = (p: number) => (p < 0.001 ? '< 0.001' : p.toFixed(3));
  return effect.pAdjusted === null ? words(effect.pValue) : `${words(effect.pValue)}, ${words(effect.pAdjusted)}`;
}

function figure(value: number): string {
  return (Object.is(value, -0) ? 0 : value).toFixed(Math.abs(value) >= 10 ? 2 : 3);
}

/** The totals of the proof and three sample edits. */
export function describeEdits({ edits, totals }: EditsAnswer): string {
  const rules = Object.entries(totals.byRule).sort(([, a], [, b]) => b - a);
  const byRule = rules.map(([rule, count]) => `${rule} ${count}`).join(', ');
  const head = `\nProof: ${totals.numEdits} pronoun edits in ${totals.numRowsChanged} of ${totals.numRows} rows (${byRule})\n`;
  const spread = [0, Math.floor(edits.length / 2), edits.length - 1].filter(
    (i, place, all) => i >= 0 && all.indexOf(i) === place,
  );
  const samples = spread.map((i) => {
    const edit = edits[i]!; // in range by construction
    return `  step ${edit.step}, ${edit.rule}: …${inOneLine(edit.contextBefore)}[${edit.before} → ${edit.after}]${inOneLine(edit.contextAfter)}…\n`;
  });
  return head + samples.join('');
}

function inOneLine(text: string): string {
  return text.replace(/\s+/g, ' ');
}

function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
