// Loss spikes: steps whose loss stands far above those before it. Arithmetic on recorded losses, so that whoever reads them finds the same.

export interface LossSpike {
  readonly step: number;
  readonly lossNats: number;
  /** Median of the losses before it. */
  readonly expectedNats: number;
}

/** Losses before a step that tell what is usual, and how few of them do. */
const WINDOW = 32;
const LEAST = 12;
/** How far above the median, in standard deviations by the median absolute deviation: one in 10^9 of normal noise. */
const LIMIT = 6;
/** Of a normal distribution, standard deviation over median absolute deviation. */
const DEVIATIONS = 1.4826;

/** The spikes among losses in nats, in order of steps; steps without a finite loss are passed over, they are reported as such. */
export function lossSpikes(steps: readonly number[], lossNats: readonly (number | null)[]): LossSpike[] {
  const spikes: LossSpike[] = [];
  const usual: number[] = [];
  steps.forEach((step, index) => {
    const loss = lossNats[index] ?? NaN;
    if (!Number.isFinite(loss)) return;
    const expected = median(usual);
    const deviation = DEVIATIONS * median(usual.map((one) => Math.abs(one - expected)));
    if (usual.length >= LEAST && loss - expected > LIMIT * deviation)
      spikes.push({ step, lossNats: loss, expectedNats: expected });
    usual.push(loss);
    if (usual.length > WINDOW) usual.shift();
  });
  return spikes;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2; // NaN of none
}
