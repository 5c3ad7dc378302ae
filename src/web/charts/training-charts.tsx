// The two curves of a training: loss, and pronoun edits of each step.
import type { Arm } from '../../job-spec.ts';
import { smooth, type Curves } from '../curves.ts';
import { formatCount } from '../format.ts';
import { setSetting } from '../route.ts';
import { ARM_ORDER } from '../scores.ts';
import { LineChart } from './line-chart.tsx';
import type { ArmLine } from './line-options.ts';

const SMOOTHING_STEPS = 10;
const LEAST_STEPS_TO_SMOOTH = 20;

interface Props {
  curves: Curves;
  isSmooth: boolean;
  hasEnded: boolean;
}

export function TrainingCharts({ curves, isSmooth, hasEnded }: Props) {
  const trained = ARM_ORDER.filter((arm) => (curves.get(arm)?.steps.length ?? 0) > 0);
  if (trained.length === 0) {
    const words = hasEnded
      ? 'No step was trained.'
      : 'No step has been trained yet. The curves appear with the first one.';
    return <p class="quiet-text">{words}</p>;
  }
  const loss = trained.map((arm) => lossLine(curves, arm, isSmooth));
  const edits = trained.map((arm): ArmLine => {
    const { steps, numEdits } = curveOf(curves, arm);
    return { arm, steps, values: numEdits };
  });
  return (
    <>
      <label class="switch">
        <input
          type="checkbox"
          checked={isSmooth}
          onChange={(event) => setSetting('smooth', event.currentTarget.checked ? undefined : '0')}
        />{' '}
        Smooth the loss over about {SMOOTHING_STEPS} steps; measured values stay visible below
      </label>
      <LineChart title="Training loss (nats per token)" lines={loss} format={(value) => value.toFixed(3)} />
      <LineChart title="Pronoun edits in each step" lines={edits} format={formatCount} height={160} />
    </>
  );
}

function curveOf(curves: Curves, arm: Arm) {
  return curves.get(arm) ?? { steps: [], lossNats: [], numEdits: [] };
}

function lossLine(curves: Curves, arm: Arm, isSmooth: boolean): ArmLine {
  const { steps, lossNats } = curveOf(curves, arm);
  if (!isSmooth || steps.length < LEAST_STEPS_TO_SMOOTH) return { arm, steps, values: lossNats };
  return { arm, steps, values: smooth(lossNats, SMOOTHING_STEPS), faint: lossNats };
}
