// The final scores of one benchmark: a row for each metric, a column for each arm, in each cell value, 95 % interval and n.
import type { Arm } from '../../job-spec.ts';
import type { ScoreLabel, ScoreRow } from '../api.ts';
import { formatCount, formatInterval, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { ARM_ORDER, protocolWords, type Group } from '../scores.ts';
import { ArmName } from './arm-mark.tsx';
import { MetricLabel, splitParts } from './metric-label.tsx';

interface Props {
  group: Group<ScoreRow>;
  labels: readonly ScoreLabel[];
}

export function ScoreTable({ group, labels }: Props) {
  const { main, parts } = splitParts(group.rows);
  return (
    <>
      <Table group={{ ...group, rows: main }} labels={labels} title={`${group.benchmark}, ${protocolWords(group)}`} />
      {parts.length > 0 && (
        <details class="fold">
          <summary>By kind of item</summary>
          <Table group={{ ...group, rows: parts }} labels={[]} title={`${group.benchmark} by kind of item`} isParts />
        </details>
      )}
    </>
  );
}

function Table({ group, labels, title, isParts = false }: Props & { title: string; isParts?: boolean }) {
  const arms = ARM_ORDER.filter((arm) => group.rows.some((row) => row.arm === arm));
  const metrics = [...new Set(group.rows.map(({ metric }) => metric))];
  const find = (arm: Arm, metric: string) => group.rows.find((row) => row.arm === arm && row.metric === metric);
  return (
    <div class="scroll" role="region" aria-label={`Scores of ${title}`} tabIndex={0}>
      <table class="figures">
        <caption class="sr-only">Scores of {title}: value, 95 % interval and number of items</caption>
        <thead>
          <tr>
            <th scope="col">metric</th>
            {arms.map((arm) => (
              <th scope="col" key={arm}>
                <ArmName arm={arm} />
                <div class="minor">step {formatCount(group.rows.find((row) => row.arm === arm)?.step ?? 0)}</div>
                {labels
                  .filter((label) => label.arm === arm)
                  .map(({ label, detail }) => (
                    <span class="tag" key={label} title={detail}>
                      {label}
                    </span>
                  ))}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {metrics.map((metric) => (
            <tr key={metric}>
              {isParts ? <th scope="row">{describeMetric(metric).label}</th> : <MetricLabel metric={metric} />}
              {arms.map((arm) => (
                <ScoreCell key={arm} score={find(arm, metric)} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ScoreCell({ score }: { score: ScoreRow | undefined }) {
  if (score === undefined) return <td class="minor">not scored</td>;
  const { unit } = describeMetric(score.metric);
  return (
    <td>
      {formatValue(score.value, unit)}
      <div class="minor">
        {formatInterval(score.interval, unit)}, n = {formatCount(score.numItems)}
      </div>
    </td>
  );
}
