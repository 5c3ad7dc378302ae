// The plots of a comparison: the effects on one figure as a forest, and that figure against perplexity. Both are drawn from the rows of
// the table.
import { ForestPlot, type ForestRow } from '../charts/forest-plot.tsx';
import { ScatterPlot, type ScatterPoint } from '../charts/scatter-plot.tsx';
import type { ReplicateGroup } from '../comparison-api.ts';
import type { Figure } from '../comparison/rows.ts';
import { sideKey } from '../comparison/sides.ts';
import { describeMetric } from '../metric-names.ts';
import { setSetting } from '../route.ts';
import { figureWords, metricKey } from '../scores.ts';
import { Choice } from './choice.tsx';

/** Figures of what a model can do; the others are of its bias. */
const CAPABILITIES: readonly string[] = ['perplexity', 'lossNats', 'wordLossNats', 'wordAccuracy'];

interface Props {
  figures: readonly Figure[];
  groups: readonly ReplicateGroup[];
  against: string;
  isAgainstControl: boolean;
  chosen: string | undefined;
}

export function ComparePlots({ figures, groups, against, isAgainstControl, chosen }: Props) {
  const ours = figures.filter(({ side }) => side !== null);
  const keys = [...new Map(ours.map((row) => [metricKey(row), row]))];
  const biases = keys.filter(([, { metric }]) => !CAPABILITIES.includes(metric));
  const choices = isAgainstControl ? keys.filter(([, { metric }]) => metric !== 'perplexity') : keys;
  const current = choices.find(([key]) => key === chosen) ?? biases[0] ?? choices[0];
  if (current === undefined) return null;
  const [key, figure] = current;
  const { label, unit } = describeMetric(figure.metric);
  const own = ours.filter((row) => metricKey(row) === key);
  const forest = [...forestRows(own), ...(isAgainstControl ? meanRows(groups, key) : [])];
  return (
    <>
      <p class="chooser">
        <Choice label="Figure" value={key} onChange={(next) => setSetting('figure', next)}>
          {choices.map(([one, row]) => [one, figureWords(row)])}
        </Choice>
      </p>
      {forest.length > 0 ? (
        <ForestPlot title={`${figure.benchmark}: ${label}, effect ${against}`} rows={forest} unit={unit} />
      ) : (
        <p class="quiet-text">
          {isAgainstControl
            ? 'An effect needs both arms, control and intervention, scored at one step. Choose “the pinned baseline” above to compare across jobs.'
            : 'No effect against the baseline yet.'}
        </p>
      )}
      <BiasAgainstPerplexity figures={ours} bias={figure} />
    </>
  );
}

function forestRows(figures: readonly Figure[]): ForestRow[] {
  return figures.flatMap(({ side, effect, labels }) => {
    if (side === null || effect === null || effect.value === null) return [];
    return [
      {
        ...{
          key: sideKey(side),
          name: `${side.letter} ${side.job.name}, ${side.arm}`,
          arm: side.arm,
          value: effect.value,
        },
        ...{ interval: effect.interval, count: effect.numItems, pValue: effect.pValue },
        labels: labels.map(({ label }) => label),
      },
    ];
  });
}

function meanRows(groups: readonly ReplicateGroup[], key: string): ForestRow[] {
  return groups
    .filter(({ over }) => over !== 'nothing')
    .flatMap(({ effects, scope }) =>
      effects
        .filter((effect) => metricKey(effect) === key)
        .map(({ value, interval, numReplicates }) => ({
          ...{ key: `mean ${scope}`, name: `mean ${scope}`, arm: null, value, interval, count: numReplicates },
          ...{ pValue: null, labels: [] },
        })),
    );
}

function BiasAgainstPerplexity({ figures, bias }: { figures: readonly Figure[]; bias: Figure }) {
  const perplexities = [
    ...new Map(figures.filter(({ metric }) => metric === 'perplexity').map((row) => [metricKey(row), row])).values(),
  ];
  const [perplexity] = perplexities;
  if (perplexity === undefined) {
    return (
      <p class="quiet-text">
        Bias against perplexity needs a perplexity: name a benchmark of plain text, such as <code>lambada</code>, in the
        jobs’ <code>evaluation.benchmarks</code>.
      </p>
    );
  }
  if (CAPABILITIES.includes(bias.metric)) return null;
  const points = figures
    .filter((row) => metricKey(row) === metricKey(bias))
    .flatMap((row): ScatterPoint[] => {
      const { side } = row;
      const across = figures.find((one) => one.side === side && metricKey(one) === metricKey(perplexity));
      if (side === null || across === undefined) return [];
      return [
        {
          ...{ key: sideKey(side), letter: side.letter, name: side.job.name, arm: side.arm, x: across, y: row },
          labels: [...new Set([...row.labels, ...across.labels].map(({ label }) => label))],
        },
      ];
    });
  const { label, unit } = describeMetric(bias.metric);
  return (
    <ScatterPlot
      title={`${label} against perplexity`}
      x={{ title: `Perplexity, ${perplexity.benchmark}`, unit: 'number' }}
      y={{ title: `${label}, ${bias.benchmark}`, unit }}
      points={points}
    />
  );
}
