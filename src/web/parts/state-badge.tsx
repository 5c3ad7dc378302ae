// A job's state as a word with a sign of its own shape; colour only supports it.
import type { JobState } from '../../job-spec.ts';

const SIGNS: Readonly<Record<JobState, string>> = {
  queued: '○',
  running: '▶',
  recovering: '↻',
  pausing: '◫',
  paused: '◫',
  cancelling: '◌',
  succeeded: '✓',
  failed: '✕',
  cancelled: '⊘',
};

export function StateBadge({ state }: { state: JobState }) {
  return (
    <span class={`badge state-${state}`}>
      <span aria-hidden="true">{SIGNS[state]}</span> {state}
    </span>
  );
}
