// Differences of two arms as a table with a forest plot: value, interval, p and n, and beside them the interval drawn. Rates and
// other figures have scales of their own.
import type { Arm } from '../../job-spec.ts';
import type { EffectRow } from '../api.ts';
import { IntervalTrack, scaleAroundZero, type Scale } from '../charts/interval-track.tsx';
import { formatCount, formatDifference, formatInterval, formatP, type Unit } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { groupRows, placeKey, protocolWords } from '../scores.ts';
import { MetricLabel, splitParts } from './metric-label.tsx';

interface Props {
  title: string;
  effects: readonly EffectRow[];
  /** The arm whose mark the values have. */
  arm: Arm;
}

const UNITS: readonly Unit[] = ['rate', 'nats', 'number'];
const LEAST_REACH = 0.1;

// The roles say again what the tags mean, because on a phone the cells of a row stand below each other.
export function EffectTable({ title, effects, arm }: Props) {
  const shown = splitParts(effects).main;
  const scales = scalesOf(shown);
  const steps = [...new Set(shown.map(({ step }) => step))];
  return (
    <table class="figures effects" role="table">
      <caption>
        {title} <span class="minor">at step {steps.map(formatCount).join(', ')}</span>
      </caption>
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader" scope="col">
            metric
          </th>
          <th role="columnheader" scope="col">
            difference, 95 % interval; p {shown[0]?.pScope}, alone and by Holm for all rows; n; smallest detectable
            difference
          </th>
          <th role="columnheader" scope="col" class="forest">
            forest plot: lines are 95 % intervals, the rule is zero, its ends are{' '}
            {[...scales].map(([unit, { most }]) => formatDifference(most, unit).replace('+', '±')).join(' and ')}
          </th>
        </tr>
      </thead>
      {groupRows(shown).map((group) => (
        <tbody role="rowgroup" key={placeKey(group)}>
          <tr role="row" class="group-row">
            <th role="rowheader" scope="rowgroup" colSpan={3}>
              {group.benchmark} <span class="minor">{protocolWords(group)}</span>
            </th>
          </tr>
          {group.rows.map((row) => (
            <EffectLine key={row.metric} row={row} arm={arm} scales={scales} />
          ))}
        </tbody>
      ))}
    </table>
  );
}

function scalesOf(effects: readonly EffectRow[]): Map<Unit, Scale> {
  const ofUnit = (unit: Unit) => effects.filter(({ metric }) => describeMetric(metric).unit === unit);
  return new Map(
    UNITS.filter((unit) => ofUnit(unit).length > 0).map((unit) => {
      const reached = ofUnit(unit).flatMap(({ value, interval }) => [
        ...(value === null ? [] : [value]),
        ...(interval ?? []),
      ]);
      return [unit, scaleAroundZero(reached, LEAST_REACH)];
    }),
  );
}

function EffectLine({ row, arm, scales }: { row: EffectRow; arm: Arm; scales: ReadonlyMap<Unit, Scale> }) {
  const { unit } = describeMetric(row.metric);
  const scale = scales.get(unit);
  return (
    <tr role="row">
      <MetricLabel metric={row.metric} />
      <td role="cell">
        <strong>{formatDifference(row.value, unit)}</strong> {formatInterval(row.interval, unit)}
        <div class="minor">
          {formatP(row.pValue)} ({row.test})
          {row.pAdjusted !== null && <span title={row.family}>, Holm {formatP(row.pAdjusted)}</span>}, n ={' '}
          {formatCount(row.numItems)}
          {row.numClusters < row.numItems && ` in ${formatCount(row.numClusters)} clusters`}
          {row.detectable !== null && `, detectable ${formatDifference(row.detectable, unit).replace('+', '±')}`}
          {row.note !== null && `; ${row.note}`}
        </div>
      </td>
      <td role="cell" class="forest">
        {scale !== undefined && row.value !== null && (
          <IntervalTrack scale={scale} value={row.value} interval={row.interval} rule={0} arm={arm} />
        )}
      </td>
    </tr>
  );
}
