// What a sweep does now, and how far it is.
import { formatCount } from '../format.ts';
import { numOver, sweepState } from '../sweeps/sweep-words.ts';
import type { Sweep } from '../sweeps-api.ts';
import { ProgressBar } from './progress-bar.tsx';

export function SweepBadge({ sweep }: { sweep: Sweep }) {
  const { words, sign, badge } = sweepState(sweep);
  return (
    <span class={`badge state-${badge}`}>
      <span aria-hidden="true">{sign}</span> {words}
    </span>
  );
}

/** A bar and the same in words. */
export function SweepProgress({ sweep }: { sweep: Sweep }) {
  const over = numOver(sweep);
  const share = sweep.numJobs === 0 ? 0 : over / sweep.numJobs;
  const states = Object.entries(sweep.jobsByState).map(([state, count]) => `${formatCount(count)} ${state}`);
  return (
    <>
      <ProgressBar share={share} label={`Progress of ${sweep.name}`} />
      <div class="minor">
        {formatCount(over)} of {formatCount(sweep.numJobs)} jobs over: {states.join(', ')}
      </div>
    </>
  );
}
