// The section of a sweep's grid: which axes are rows and columns, which figure the cells show.
import type { Job } from '../api.ts';
import { describeMetric } from '../metric-names.ts';
import { setSetting } from '../route.ts';
import { figureWords, metricKey } from '../scores.ts';
import { axesOf, gridOf, KINDS, shownAxes, type Axis, type Kind } from '../sweeps/grid.ts';
import { axisWords } from '../sweeps/sweep-words.ts';
import type { ResultRow, Sweep } from '../sweeps-api.ts';
import { Choice } from './choice.tsx';
import { HeatTable } from './heat-table.tsx';
import { RepeatedLooks } from './stopped-point.tsx';

type Settings = Readonly<Record<string, string>>;

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  effect: 'effect, intervention − control',
  intervention: 'score of the intervention',
  control: 'score of the control',
};

interface Props {
  sweep: Sweep;
  jobs: readonly Job[];
  /** Of the chosen metric; undefined before anything is scored. */
  rows: readonly ResultRow[];
  kind: Kind;
  settings: Settings;
}

export function SweepGrid({ sweep, jobs, rows, kind, settings }: Props) {
  const axes = axesOf(sweep, jobs);
  const shown = shownAxes(axes, settings['rows'], settings['columns']);
  if (shown.rows === undefined) return <p class="quiet-text">This sweep has no axis.</p>;
  const { label, unit } = describeMetric(rows[0]?.metric ?? '');
  const what = rows[0] === undefined ? 'states of the jobs' : `${label}, ${KIND_WORDS[kind]}`;
  const by = [shown.rows, shown.columns].flatMap((axis) => (axis === undefined ? [] : [axisWords(axis.path)]));
  return (
    <>
      <p class="chooser sweep-chooser">
        <AxisSelect label="Rows" axes={axes} value={shown.rows.path} setting="rows" hasNone={false} />
        <AxisSelect
          label="Columns"
          axes={axes.filter((axis) => axis !== shown.rows)}
          value={shown.columns?.path ?? 'none'}
          setting="columns"
          hasNone
        />
      </p>
      <HeatTable
        title={`${what}, by ${by.join(' and ')}`}
        grid={gridOf(sweep, jobs, rows, shown, kind)}
        rowPath={shown.rows.path}
        columnPath={shown.columns?.path}
        {...{ kind, unit }}
      />
      {sweep.settled.length > 0 && <RepeatedLooks />}
    </>
  );
}

interface AxisProps {
  label: string;
  axes: readonly Axis[];
  value: string;
  setting: string;
  hasNone: boolean;
}

function AxisSelect({ label, axes, value, setting, hasNone }: AxisProps) {
  return (
    <Choice label={label} value={value} onChange={(path) => setSetting(setting, path)}>
      {[...(hasNone ? [['none', 'none'] as const] : []), ...axes.map(({ path }) => [path, path] as const)]}
    </Choice>
  );
}

interface FigureProps {
  all: readonly ResultRow[];
  chosen: string;
  kind: Kind;
}

/** Chooses the metric and whether its effect or a score is shown, for all sections below it. */
export function FigureSelect({ all, chosen, kind }: FigureProps) {
  const metrics = [...new Map(all.map((row) => [metricKey(row), row]))];
  return (
    <p class="chooser sweep-chooser">
      <Choice label="Figure" value={chosen} onChange={(key) => setSetting('metric', key)}>
        {metrics.map(([key, row]) => [key, figureWords(row)])}
      </Choice>
      <Choice label="as" value={kind} onChange={(next) => setSetting('kind', next === 'effect' ? undefined : next)}>
        {KINDS.map((one) => [one, KIND_WORDS[one]])}
      </Choice>
    </p>
  );
}
