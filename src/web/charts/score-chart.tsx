// One metric of one benchmark over the evaluated steps, with 95 % bands and what was published of it; its two halves apart, and the effect
// at every step. Which metric is in the address.
import type { EffectRow, PublishedRow, ScoreRow, Scores } from '../api.ts';
import { formatCount, formatDifference, formatInterval, formatP, formatValue } from '../format.ts';
import { describeMetric } from '../metric-names.ts';
import { setSetting } from '../route.ts';
import { ARM_ORDER, groupRows, mainEffect, placeKey, protocolWords } from '../scores.ts';
import { LineChart } from './line-chart.tsx';
import type { ArmLine, Reference } from './line-options.ts';

interface Props {
  scores: Scores;
  /** `metric` is `benchmark/protocol/metric`, with the protocol's settings where it has some. */
  settings: Readonly<Record<string, string>>;
}

export function ScoreChart({ scores, settings }: Props) {
  const groups = groupRows(scores.scores).map((group) => ({
    ...group,
    metrics: [...new Set(group.rows.map(({ metric }) => metric))],
  }));
  const keys = groups.flatMap((group) =>
    group.metrics.map((metric) => ({ key: `${placeKey(group)}/${metric}`, ...group, metric })),
  );
  const main = mainEffect(scores);
  const usual = main && `${placeKey(main)}/${main.metric}`;
  const current =
    keys.find(({ key }) => key === settings['metric']) ?? keys.find(({ key }) => key === usual) ?? keys[0];
  if (current === undefined) return null;
  const isHere = (row: ScoreRow | EffectRow | PublishedRow) => placeKey(row) === placeKey(current);
  const ofMetric = (metric: string) => scores.scores.filter((row) => isHere(row) && row.metric === metric);
  const published = scores.published.filter((row) => isHere(row) && row.metric === current.metric);
  const effects = scores.effects.filter((row) => isHere(row) && row.metric === current.metric);
  return (
    <section aria-labelledby="scores-over-steps">
      <h2 id="scores-over-steps">Scores over steps</h2>
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
        </select>
      </p>
      <MetricChart benchmark={current.benchmark} rows={ofMetric(current.metric)} published={published} />
      <Halves masculine={ofMetric(`${current.metric}.masculine`)} feminine={ofMetric(`${current.metric}.feminine`)} />
      <EffectsOverSteps effects={effects} />
    </section>
  );
}

interface MetricProps {
  benchmark: string;
  rows: readonly ScoreRow[];
  published: readonly PublishedRow[];
}

function MetricChart({ benchmark, rows, published }: MetricProps) {
  const [first] = rows;
  if (first === undefined) return null;
  const { label, unit } = describeMetric(first.metric);
  const counts = new Set(rows.map(({ numItems }) => formatCount(numItems)));
  const references = published.map((row): Reference => {
    return { value: row.value, label: `published: ${row.condition}, step ${row.step}` };
  });
  const warnings = new Map(published.flatMap((row) => row.warnings).map((warning) => [warning.label, warning.detail]));
  return (
    <>
      <p class="minor">n = {[...counts].join(', ')} items; bands are 95 % intervals.</p>
      <LineChart
        title={`${benchmark}: ${label}`}
        lines={scoreLines(rows)}
        format={(value) => formatValue(value, unit)}
        references={references}
      />
      {published.map((row) => (
        <p class="minor" key={`${row.source} ${row.condition}`}>
          Dotted: <a href={row.source}>published</a> {formatValue(row.value, unit)} ({row.condition}, step{' '}
          {formatCount(row.step)}, {row.publishedBenchmark}, n = {formatCount(row.numItems)}).
        </p>
      ))}
      {[...warnings].map(([name, detail]) => (
        <p class="help" key={name}>
          <span class="tag">{name}</span> {detail}
        </p>
      ))}
      <ul class="sr-only" aria-label="Newest value of each arm">
        {scoreLines(rows).map(({ arm, values, band }) => (
          <li key={arm}>
            {arm}: {formatValue(values.at(-1) ?? NaN, unit)} {formatInterval(lastBand(band), unit)}
          </li>
        ))}
      </ul>
    </>
  );
}

/** Side by side on one scale: a model without bias has both near one half, one that is only shifted has them drift apart. */
function Halves({ masculine, feminine }: { masculine: readonly ScoreRow[]; feminine: readonly ScoreRow[] }) {
  if (masculine.length === 0 || feminine.length === 0) return null;
  const { unit } = describeMetric(masculine[0]!.metric); // it has one
  const halves = [
    { title: 'Masculine-stereotyped items', rows: masculine },
    { title: 'Feminine-stereotyped items', rows: feminine },
  ];
  return (
    <>
      <h3>The two halves</h3>
      <p class="help">
        Where both halves move towards each other, bias shrinks; where one rises and the other falls, the model has only
        shifted to one gender.
      </p>
      <div class="side-by-side">
        {halves.map(({ title, rows }) => (
          <LineChart
            key={title}
            title={title}
            lines={scoreLines(rows)}
            format={(value) => formatValue(value, unit)}
            height={180}
            {...(unit === 'rate' && { scale: [0, 1] as const })}
          />
        ))}
      </div>
    </>
  );
}

function EffectsOverSteps({ effects }: { effects: readonly EffectRow[] }) {
  const [first] = effects;
  if (first === undefined) return null;
  const { unit } = describeMetric(first.metric);
  const known = effects.filter((row) => row.value !== null).toSorted((a, b) => a.step - b.step);
  const line: ArmLine = {
    arm: 'intervention',
    steps: known.map(({ step }) => step),
    values: known.map(({ value }) => value),
    band: {
      low: known.map(({ interval }) => interval?.[0] ?? null),
      high: known.map(({ interval }) => interval?.[1] ?? null),
    },
    hasPoints: true,
  };
  return (
    <>
      <h3>The effect over steps: intervention − control</h3>
      <LineChart
        title="Effect"
        lines={[line]}
        format={(value) => formatDifference(value, unit)}
        height={180}
        references={[{ value: 0, label: 'no effect' }]}
      />
      <details class="fold">
        <summary>The effect at every step, with its tests</summary>
        <div class="scroll" role="region" aria-label="The effect at every step" tabIndex={0}>
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">step</th>
                <th scope="col">difference, 95 % interval</th>
                <th scope="col">p {first.pScope}</th>
                <th scope="col">p by Holm</th>
                <th scope="col">n</th>
              </tr>
            </thead>
            <tbody>
              {effects.map((row) => (
                <tr key={row.step}>
                  <th scope="row">{formatCount(row.step)}</th>
                  <td>
                    {formatDifference(row.value, unit)} {formatInterval(row.interval, unit)}
                    {row.note !== null && <div class="minor">{row.note}</div>}
                  </td>
                  <td>
                    {formatP(row.pValue)} <span class="minor">{row.test}</span>
                  </td>
                  <td>
                    {formatP(row.pAdjusted)} <div class="minor words">{row.family}</div>
                  </td>
                  <td>{formatCount(row.numItems)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}

function lastBand(band: ArmLine['band']): [number, number] | null {
  const [low, high] = [band?.low.at(-1), band?.high.at(-1)];
  return typeof low === 'number' && typeof high === 'number' ? [low, high] : null;
}

function scoreLines(rows: readonly ScoreRow[]): ArmLine[] {
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
