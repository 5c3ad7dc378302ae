// The plots of a sweep's results: dose and response over a numeric axis, and the spread over model seeds.
import { DosePlot } from '../charts/dose-plot.tsx';
import { SeedPlot, type SeedRow } from '../charts/seed-plot.tsx';
import type { ReplicateGroup } from '../comparison-api.ts';
import { describeMetric } from '../metric-names.ts';
import { setSetting } from '../route.ts';
import { metricKey } from '../scores.ts';
import { type Kind } from '../sweeps/grid.ts';
import { axisWords, pointWords } from '../sweeps/sweep-words.ts';
import type { DoseCurve, SweepResults } from '../sweeps-api.ts';
import { Choice } from './choice.tsx';
import { KIND_WORDS } from './sweep-grid.tsx';

interface DoseProps {
  results: SweepResults;
  metric: string;
  kind: Kind;
  axis: string | undefined;
}

export function DoseResponse({ results, metric, kind, axis }: DoseProps) {
  const axes = [...new Set(results.doseResponse.map((curve) => curve.axis))];
  const chosen = axes.find((one) => one === axis) ?? axes[0];
  if (chosen === undefined) {
    return (
      <p class="quiet-text">
        A curve needs a numeric axis with two values or more, such as <code>intervention.probability</code>, and jobs
        that have been scored at their end.
      </p>
    );
  }
  const curves = results.doseResponse.filter((curve) => curve.axis === chosen && metricKey(curve) === metric);
  const lines = curves
    .map((curve) => ({ name: nameOf(curve, curves), points: pointsOf(curve, kind) }))
    .filter(({ points }) => points.length > 0);
  const first = curves[0];
  if (first === undefined || lines.length === 0) {
    return <p class="quiet-text">No curve of this figure; choose another one, or its score instead of its effect.</p>;
  }
  const { label, unit } = describeMetric(first.metric);
  const over = [...new Set(lines.flatMap(({ points }) => points.map((point) => point.over)))];
  return (
    <>
      {axes.length > 1 && (
        <p class="chooser">
          <Choice label="Across" value={chosen} onChange={(path) => setSetting('x', path)}>
            {axes.map((path) => [path, path])}
          </Choice>
        </p>
      )}
      <DosePlot
        title={`${first.benchmark}: ${label} – ${KIND_WORDS[kind === 'control' ? 'intervention' : kind]}`}
        xTitle={axisWords(chosen)}
        yTitle={kind === 'effect' ? `effect on ${label}` : label}
        unit={unit}
        isDifference={kind === 'effect'}
        lines={lines}
      />
      <p class="help">Intervals are 95 %, over {over.join(' or ')}.</p>
    </>
  );
}

function pointsOf(curve: DoseCurve, kind: Kind) {
  return kind === 'effect' ? curve.effect : curve.intervention;
}

/** What the jobs of a curve share; the family where there are several. */
function nameOf(curve: DoseCurve, curves: readonly DoseCurve[]): string {
  const families = new Set(curves.map(({ family }) => family));
  const words = [pointWords(curve.others), ...(families.size > 1 ? [curve.family] : [])].filter((one) => one !== '');
  return words.length === 0 ? curve.family : words.join(', ');
}

interface SeedProps {
  groups: readonly ReplicateGroup[];
  metric: string;
}

export function SeedSpread({ groups, metric }: SeedProps) {
  const rows = groups.flatMap((group): SeedRow[] => {
    const effect = group.effects.find((one) => metricKey(one) === metric);
    if (effect === undefined || group.over === 'nothing') return [];
    const { value: mean, interval, replicates: seeds } = effect;
    return [{ name: pointWords(group.point ?? {}) || group.family, scope: group.scope, mean, interval, seeds }];
  });
  const refused = groups.flatMap((group) => group.refused);
  const [, name = ''] = /\/([^/]+)$/.exec(metric) ?? [];
  const { label, unit } = describeMetric(name);
  return (
    <>
      {rows.length === 0 ? (
        <p class="quiet-text">
          A spread needs points with several model seeds: name them under <code>replicates</code> of the sweep, each
          with the dataset of its own training.
        </p>
      ) : (
        <SeedPlot title={`${label}: effect by seed, mean with Student’s interval`} unit={unit} rows={rows} />
      )}
      {refused.map(({ id, detail }) => (
        <p class="help" key={id}>
          <span class="tag">no replicate</span> {detail}
        </p>
      ))}
    </>
  );
}
