// The curves of a training, one chart a figure, with one legend, one cursor and one range for all. Zoomed in, the server is asked for the
// steps in sight, so that every one of them is shown.
import type { Arm } from '../../job-spec.ts';
import { readChartSettings, rangeText, stepsIn, type ChartSettings, type Range } from '../chart-settings.ts';
import { storedCurves, type Curves } from '../curves.ts';
import { formatCount } from '../format.ts';
import { NUM_POINTS } from '../live-job.ts';
import { ArmName } from '../parts/arm-mark.tsx';
import { ChartControls } from '../parts/chart-controls.tsx';
import { usePolled } from '../polling.ts';
import { records, type LossSpike } from '../records.ts';
import { setSetting } from '../route.ts';
import { useMemo } from 'preact/hooks';
import { curveLines, figureCharts, trainedArms, type FigureChart } from './curve-lines.ts';
import { FigurePlot } from './figure-plot.tsx';

interface Props {
  id: string;
  curves: Curves;
  lossSpikes: Partial<Record<Arm, readonly LossSpike[]>>;
  /** Null where it is not known. */
  tokensPerStep: number | null;
  settings: Readonly<Record<string, string>>;
  hasEnded: boolean;
}

export function TrainingCharts({ id, curves, lossSpikes, tokensPerStep, settings, hasEnded }: Props) {
  const chosen = readChartSettings(settings);
  const { near, isLoading } = useNear(id, curves, chosen);
  const trained = trainedArms(curves);
  if (trained.length === 0) {
    const words = hasEnded
      ? 'No step was trained.'
      : 'No step has been trained yet. The curves appear with the first one.';
    return <p class="quiet-text">{words}</p>;
  }
  const shown = trained.filter((arm) => !chosen.hidden.includes(arm));
  return (
    <>
      <ChartControls chosen={chosen} />
      <Legend arms={trained} hidden={chosen.hidden} />
      <p class="minor" role="status">
        {pointsWords(near, isLoading)}
      </p>
      <Spikes lossSpikes={lossSpikes} />
      {figureCharts(tokensPerStep).map((chart) => (
        <OneChart
          key={chart.figure}
          chart={chart}
          curves={near}
          arms={shown.filter((arm) => near.arms.has(arm))}
          chosen={chosen}
          tokensPerStep={tokensPerStep}
        />
      ))}
    </>
  );
}

/** The curves with the steps in sight as the server has them; until they are there, and without a zoom, those that are held. */
function useNear(id: string, curves: Curves, { zoom, isTime }: ChartSettings) {
  const wanted = zoom === undefined || curves.stepsPerPoint === 1 ? undefined : stepsIn(curves, zoom, isTime);
  const key = JSON.stringify([id, wanted]);
  const ask = async () => {
    if (wanted === undefined) return undefined;
    return storedCurves(await records.curves(id, { from: wanted[0], to: wanted[1], points: NUM_POINTS }));
  };
  const { data, error } = usePolled(ask, key, 0);
  return {
    near: wanted === undefined ? curves : (data ?? curves),
    isLoading: wanted !== undefined && data === undefined && error === undefined,
  };
}

function pointsWords({ stepsPerPoint }: Curves, isLoading: boolean): string {
  if (isLoading) return 'Loading the steps in sight…';
  if (stepsPerPoint === 1) return 'Every recorded step is drawn. Drag across a chart to look closer.';
  const steps = formatCount(stepsPerPoint);
  return `Each point is the mean of ${steps} steps; the shaded band reaches from their least to their greatest. Drag across a chart to see single steps.`;
}

function Legend({ arms, hidden }: { arms: readonly Arm[]; hidden: readonly Arm[] }) {
  const toggle = (arm: Arm) => {
    const next = hidden.includes(arm) ? hidden.filter((other) => other !== arm) : [...hidden, arm];
    setSetting('hide', next.length === 0 ? undefined : next.join(','));
  };
  return (
    <fieldset class="legend">
      <legend class="sr-only">Arms in the charts</legend>
      {arms.map((arm) => (
        <label key={arm}>
          <input type="checkbox" checked={!hidden.includes(arm)} onChange={() => toggle(arm)} />
          <ArmName arm={arm} />
        </label>
      ))}
    </fieldset>
  );
}

const MOST_SPIKES = 6;
const AROUND_SPIKE = 30;

function Spikes({ lossSpikes }: Pick<Props, 'lossSpikes'>) {
  const all = Object.entries(lossSpikes).flatMap(([arm, spikes]) => spikes.map((spike) => ({ arm, ...spike })));
  if (all.length === 0) return null;
  return (
    <p class="minor">
      <span class="tag">loss spike</span>{' '}
      {all.slice(0, MOST_SPIKES).map(({ arm, step, lossNats, expectedNats }) => (
        <button
          type="button"
          class="quiet"
          key={`${arm} ${step}`}
          onClick={() => zoomTo([Math.max(0, step - AROUND_SPIKE), step + AROUND_SPIKE], false)}
        >
          {arm}, step {formatCount(step)}: {lossNats.toFixed(2)} where {expectedNats.toFixed(2)} was usual
        </button>
      ))}
      {all.length > MOST_SPIKES && ` and ${formatCount(all.length - MOST_SPIKES)} more`}
    </p>
  );
}

function zoomTo(range: Range | null, isTime: boolean): void {
  setSetting('zoom', range === null ? undefined : rangeText(range, isTime));
}

interface OneProps {
  chart: FigureChart;
  curves: Curves;
  arms: readonly Arm[];
  chosen: ChartSettings;
  tokensPerStep: number | null;
}

function OneChart({ chart, curves, arms, chosen, tokensPerStep }: OneProps) {
  const { figure, title, format, height } = chart;
  const { span, isTime, isLog, zoom, table } = chosen;
  const lines = useMemo(
    () => curveLines(curves, arms, { figure, span, isTime, isLog, tokensPerStep }),
    [curves, arms.join(), figure, span, isTime, isLog, tokensPerStep],
  );
  return (
    <FigurePlot
      {...{ title, format, height, lines, isTime, isLog }}
      range={zoom}
      isTable={table === figure}
      onTable={() => setSetting('table', table === figure ? undefined : figure)}
      onZoom={(range) => zoomTo(range, isTime)}
    />
  );
}
