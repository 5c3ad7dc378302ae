// The learning rate of a model's whole training, with the window of a job shaded: how late in the training it works, and with which rate.
import { formatCount, formatRate } from '../format.ts';
import type { ModelTraining } from '../planning.ts';
import { rateAt, type TrainingWindow } from '../training-window.ts';

const WIDTH = 600;
const HEIGHT = 110;
/** A window of few steps would be thinner than a line. */
const LEAST_WIDTH = 3;

interface Props {
  training: ModelTraining;
  window: TrainingWindow | undefined;
  /** What is said where there is no window. */
  otherwise: string;
}

export function LearningRateChart({ training, window, otherwise }: Props) {
  const { learningRates, endStep } = training;
  const peak = Math.max(...learningRates.learningRate);
  const x = (step: number) => (WIDTH * step) / endStep;
  const y = (rate: number) => 6 + (HEIGHT - 6) * (1 - rate / peak);
  const line = learningRates.step
    .map((step, place) => `${x(step).toFixed(1)},${y(learningRates.learningRate[place]!).toFixed(1)}`) // columns of one length
    .join(' ');
  const words = window === undefined ? otherwise : windowWords(training, window);
  return (
    <figure class="rate-chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Learning rate. ${words}`}
      >
        {window !== undefined && <Shade window={window} x={x} />}
        <polyline points={line} />
      </svg>
      <div class="rate-axis minor" aria-hidden="true">
        <span>step 0</span>
        <span>learning rate, peak {formatRate(peak)}</span>
        <span>{formatCount(endStep)}</span>
      </div>
      <figcaption>{words}</figcaption>
    </figure>
  );
}

function Shade({ window: { from, to }, x }: { window: TrainingWindow; x: (step: number) => number }) {
  const width = Math.max(LEAST_WIDTH, x(to) - x(from));
  return <rect class="shade" x={Math.min(x(from), WIDTH - width)} y={0} width={width} height={HEIGHT} />;
}

function windowWords(training: ModelTraining, { from, to }: TrainingWindow): string {
  const share = (100 * (to - from)) / training.endStep;
  const percent = share >= 10 ? share.toFixed(0) : share >= 0.1 ? share.toFixed(1) : share.toPrecision(1);
  const [first, last] = [from, to].map((step) => formatRate(rateAt(training, step)));
  return `Steps ${formatCount(from)} to ${formatCount(to)}: ${formatCount(to - from)} steps, ${percent} % of the training, learning rate ${first} to ${last}.`;
}
