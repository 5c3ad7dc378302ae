// What is chosen for all curves of a training at once: the axis, smoothing, a logarithmic scale, the steps in sight.
import { useState } from 'preact/hooks';
import { rangeText, SPANS, type ChartSettings } from '../chart-settings.ts';
import { setSetting } from '../route.ts';
import { Choice } from './choice.tsx';

export function ChartControls({ chosen }: { chosen: ChartSettings }) {
  const { isTime, isLog, span, zoom } = chosen;
  const setAxis = (axis: string) => {
    setSetting('zoom', undefined); // of the other axis
    setSetting('x', axis === 'time' ? 'time' : undefined);
  };
  return (
    <div class="chart-controls">
      <Choice label="Along" value={isTime ? 'time' : 'step'} onChange={setAxis}>
        {[
          ['step', 'steps'],
          ['time', 'wall time'],
        ]}
      </Choice>
      <Choice label="Smoothed over" value={String(span)} onChange={(next) => setSetting('smooth', next)}>
        {SPANS.map((one) => [String(one), one === 0 ? 'nothing' : `${one} steps`])}
      </Choice>
      <label>
        <input
          type="checkbox"
          checked={isLog}
          onChange={(event) => setSetting('log', event.currentTarget.checked ? '1' : undefined)}
        />{' '}
        logarithmic
      </label>
      {!isTime && <StepFields key={String(zoom)} zoom={zoom} />}
      {zoom !== undefined && (
        <button type="button" class="quiet" onClick={() => setSetting('zoom', undefined)}>
          Show all
        </button>
      )}
    </div>
  );
}

/** Zooming by numbers, for whoever has no mouse. */
function StepFields({ zoom }: { zoom: ChartSettings['zoom'] }) {
  const [from, setFrom] = useState(zoom === undefined ? '' : String(zoom[0]));
  const [to, setTo] = useState(zoom === undefined ? '' : String(zoom[1]));
  const isRange = /^\d+$/.test(from) && /^\d+$/.test(to) && Number(from) < Number(to);
  const apply = (event: Event) => {
    event.preventDefault();
    if (isRange) setSetting('zoom', rangeText([Number(from), Number(to)], false));
  };
  return (
    <form class="step-fields" onSubmit={apply}>
      <label>
        Steps from{' '}
        <input
          type="text"
          inputMode="numeric"
          size={7}
          value={from}
          onInput={(event) => setFrom(event.currentTarget.value)}
        />
      </label>
      <label>
        to{' '}
        <input
          type="text"
          inputMode="numeric"
          size={7}
          value={to}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="quiet" disabled={!isRange}>
        Look
      </button>
    </form>
  );
}
