// What was published of the same model at the same step, beside the scores made here; each figure with the warnings it must be read with.
import type { PublishedRow, ScoreRow } from '../api.ts';
import { formatCount, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { ARM_ORDER } from '../scores.ts';
import { ArmName } from './arm-mark.tsx';

const CONDITIONS: Readonly<Record<string, string>> = {
  baseline: 'original training, case study',
  sweep: 'original training, sweep over all models',
  'intervene-7': 'intervention on the last 7 %',
  'intervene-21': 'intervention on the last 21 %',
};

export function PublishedTable({ rows, scores }: { rows: readonly PublishedRow[]; scores: readonly ScoreRow[] }) {
  const beside = rows.filter(({ step }) => scores.some((score) => score.step === step));
  const first = beside[0];
  if (first === undefined) return null;
  const arms = ARM_ORDER.filter((arm) => scores.some((score) => score.arm === arm));
  return (
    <details class="fold" open>
      <summary>Published figures of {first.model} at the same step</summary>
      <div class="scroll" role="region" aria-label={`Published figures beside ${first.benchmark}`} tabIndex={0}>
        <table class="figures">
          <caption class="sr-only">
            Published figures beside {first.benchmark}, {first.protocol}
          </caption>
          <thead>
            <tr>
              <th scope="col">metric</th>
              <th scope="col">published</th>
              {arms.map((arm) => (
                <th scope="col" key={arm}>
                  here, <ArmName arm={arm} />
                </th>
              ))}
              <th scope="col">to be read with</th>
            </tr>
          </thead>
          <tbody>
            {beside.map((row) => (
              <tr key={`${row.source} ${row.metric}`}>
                <th scope="row">{describeMetric(row.metric).label}</th>
                <PublishedCell row={row} />
                {arms.map((arm) => (
                  <OwnCell key={arm} score={scores.find((score) => score.arm === arm && isTwin(score, row))} />
                ))}
                <td>
                  {row.warnings.map(({ label, detail }) => (
                    <span class="tag" key={label} title={detail}>
                      {label}
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {warningsOf(beside).map(({ label, detail }) => (
        <p class="help" key={label}>
          {label}: {detail}
        </p>
      ))}
    </details>
  );
}

function PublishedCell({ row }: { row: PublishedRow }) {
  const { unit } = describeMetric(row.metric);
  const spread = row.standardError === null ? '' : ` ± ${formatValue(row.standardError, unit)}`;
  return (
    <td>
      <a href={row.source}>
        {formatValue(row.value, unit)}
        {spread}
      </a>
      <div class="minor">
        {CONDITIONS[row.condition] ?? row.condition}, {row.publishedBenchmark}, n = {formatCount(row.numItems)}
      </div>
    </td>
  );
}

function OwnCell({ score }: { score: ScoreRow | undefined }) {
  if (score === undefined) return <td class="minor">not scored at this step</td>;
  return <td>{formatValue(score.value, describeMetric(score.metric).unit)}</td>;
}

function isTwin(score: ScoreRow, { metric, step }: PublishedRow): boolean {
  return score.metric === metric && score.step === step;
}

function warningsOf(rows: readonly PublishedRow[]): readonly PublishedRow['warnings'][number][] {
  return [...new Map(rows.flatMap(({ warnings }) => warnings).map((warning) => [warning.label, warning])).values()];
}
