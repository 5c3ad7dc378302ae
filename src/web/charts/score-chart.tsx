// One metric of one benchmark over the evaluated steps, with 95 % bands; which one is in the address.
import type { ScoreRow } from '../api.ts';
import { formatInterval, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { setSetting } from '../route.ts';
import { ARM_ORDER, groupRows, placeKey, protocolWords } from '../scores.ts';
import { LineChart } from './line-chart.tsx';
import type { ArmLine } from './line-options.ts';

interface Props {
  scores: readonly ScoreRow[];
  /** `benchmark/protocol/metric`, with the protocol's settings where it has some, as the address has it. */
  chosen: string | undefined;
}

export function ScoreChart({ scores, chosen }: Props) {
  const groups = groupRows(scores).map((group) => ({
    ...group,
    metrics: [...new Set(group.rows.map(({ metric }) => metric))],
  }));
  const keys = groups.flatMap((group) =>
    group.metrics.map((metric) => ({ key: `${placeKey(group)}/${metric}`, ...group, metric })),
  );
  const current = keys.find(({ key }) => key === chosen) ?? keys[0];
  if (current === undefined) return null;
  const { label, unit } = describeMetric(current.metric);
  const rows = scores.filter((row) => placeKey(row) === placeKey(current) && row.metric === current.metric);
  const counts = new Set(rows.map(({ numItems }) => numItems));
  return (
    <>
      <p class="chooser">
        <label for="score-metric">Metric</label>{' '}
        <select
          id="score-metric"
          value={current.key}
          onChange={(event) => setSetting('metric', event.currentTarget.value)}
        >
          {groups.map((group) => (
            <optgroup label={`${group.benchmark}, ${protocolWords(group)}`} key={placeKey(group)}>
              {group.metrics.map((metric) => (
                <option key={metric} value={`${placeKey(group)}/${metric}`}>
                  {describeMetric(metric).label}
                </option>
              ))}
            </optgroup>
          ))}
        </select>{' '}
        <span class="minor">n = {[...counts].join(', ')} items, bands are 95 % intervals</span>
      </p>
      <LineChart
        title={`${current.benchmark}: ${label}`}
        lines={armLines(rows)}
        format={(value) => formatValue(value, unit)}
      />
      <ul class="sr-only" aria-label="Newest value of each arm">
        {armLines(rows).map(({ arm, values, band }) => (
          <li key={arm}>
            {arm}: {formatValue(values.at(-1) ?? NaN, unit)} {formatInterval(lastBand(band), unit)}
          </li>
        ))}
      </ul>
    </>
  );
}

function lastBand(band: ArmLine['band']): [number, number] | null {
  const [low, high] = [band?.low.at(-1), band?.high.at(-1)];
  return typeof low === 'number' && typeof high === 'number' ? [low, high] : null;
}

function armLines(rows: readonly ScoreRow[]): ArmLine[] {
  return ARM_ORDER.flatMap((arm) => {
    const own = rows.filter((row) => row.arm === arm).toSorted((a, b) => a.step - b.step);
    if (own.length === 0) return [];
    const line: ArmLine = {
      arm,
      steps: own.map(({ step }) => step),
      values: own.map(({ value }) => value),
      band: {
        low: own.map(({ interval }) => interval?.[0] ?? null),
        high: own.map(({ interval }) => interval?.[1] ?? null),
      },
      hasPoints: true,
    };
    return [line];
  });
}
