// Beside the figures of a sweep's point that met a stop rule: which rule, and what looking again and again does to its interval.
import { boundWords, settledWords, stoppedWords } from '../sweeps/sweep-words.ts';
import type { SettledPoint } from '../sweeps-api.ts';

export function StoppedTag({ settled }: { settled: SettledPoint }) {
  return (
    <div class="stopped">
      <span class="tag" title={settledWords(settled)}>
        {stoppedWords(settled)}
      </span>{' '}
      <span class="minor">interval {boundWords(settled.rule)}</span>
    </div>
  );
}

export function RepeatedLooks() {
  return (
    <p class="help">
      <span class="tag">repeated looks</span> An interval that is looked at after each job covers less than 95 %, and
      one that met a stop rule is narrower than that of new jobs would be.
    </p>
  );
}
