// What a job's viewers see of its trainers: where each arm is, and an estimate of the time left.
import type { Arm } from '../src/job-spec.ts';
import type { Phase, TrainerMessage } from './messages.ts';

export interface ArmProgress {
  step: number;
  readonly from: number;
  readonly to: number;
  lossNats: number | null;
  tokensPerSecond: number | null;
  /** What it waits for, where that is another job. */
  phase: Phase | 'waiting' | `waiting for the ${string}`;
}

export interface BurnInProgress {
  readonly numDone: number;
  readonly numSteps: number;
  readonly lossNats: number | null;
  /** The job that does it, where that is another one. */
  readonly waitsFor?: string;
}

export interface Progress {
  readonly arms: Partial<Record<Arm, ArmProgress>>;
  /** The burn-in that the arms wait for; null when there is none, or none any more. */
  burnIn: BurnInProgress | null;
  secondsLeft: number | null;
}

export type ProgressTracker = ReturnType<typeof progressTracker>;

/** Keeps the progress of one attempt; `now` in milliseconds. */
export function progressTracker(now: () => number = () => performance.now()) {
  const progress: Progress = { arms: {}, burnIn: null, secondsLeft: null };
  const begun = new Map<Arm, { step: number; atMs: number }>();
  return {
    progress,
    start(arm: Arm, { from, to }: { from: number; to: number }, step: number, phase: ArmProgress['phase']): void {
      progress.arms[arm] = { from, to, step, phase, lossNats: null, tokensPerSecond: null };
    },
    burnIn(numDone: number, numSteps: number, lossNats: number | null): void {
      progress.burnIn = numDone < numSteps ? { numDone, numSteps, lossNats } : null;
    },
    /** Another job of this name is at work on it. */
    waitFor(part: Arm | 'burn-in', job: string, numSteps: number): void {
      if (part === 'burn-in') progress.burnIn = { numDone: 0, numSteps, lossNats: null, waitsFor: job };
      else progress.arms[part]!.phase = `waiting for the ${part} of job ${job}`; // it was started
    },
    hear(arm: Arm, message: TrainerMessage): void {
      const state = progress.arms[arm];
      if (state === undefined) return;
      if (message.type === 'phase') state.phase = message.phase;
      if (message.type === 'phase' && message.phase === 'loading') begun.delete(arm); // a new trainer, from a checkpoint
      if (message.type === 'finished') state.phase = 'done';
      if (message.type !== 'step') return;
      const { step, lossNats, tokensPerSecond } = message.record;
      if (!begun.has(arm)) begun.set(arm, { step: step + 1, atMs: now() });
      Object.assign(state, { step: step + 1, lossNats, tokensPerSecond });
      progress.secondsLeft = secondsLeft(progress, begun, now());
    },
  };
}

// Arms at work end when the slowest does; those that wait for a core come after. Whoever has no pace yet takes the others'.
function secondsLeft(
  progress: Progress,
  begun: ReadonlyMap<Arm, { step: number; atMs: number }>,
  nowMs: number,
): number | null {
  const arms = Object.entries(progress.arms).filter(([arm]) => arm !== 'published'); // which trains no steps
  const paces = arms.map(([arm, { step }]) => {
    const start = begun.get(arm as Arm);
    return start === undefined || step <= start.step ? null : (nowMs - start.atMs) / (step - start.step);
  });
  const known = paces.filter((pace) => pace !== null);
  if (known.length === 0) return null;
  const usual = known.reduce((sum, pace) => sum + pace, 0) / known.length;
  let [atWorkMs, waitingMs] = [0, 0];
  arms.forEach(([, { step, to, phase }], i) => {
    const leftMs = (to - step) * (paces[i] ?? usual);
    if (phase.startsWith('waiting')) waitingMs += leftMs;
    else atWorkMs = Math.max(atWorkMs, leftMs);
  });
  return (atWorkMs + waitingMs) / 1000;
}
