// Short words for what a job is and how far it is.
import type { JobSpec } from '../job-spec.ts';
import type { Job } from './api.ts';
import { formatCount } from './format.ts';

/** The steps a job trains: as planned when it has started, else as the spec says it. */
export function windowWords(job: Job): string {
  const [run] = job.arms;
  if (run !== undefined) return `steps ${formatCount(run.fromStep)} to ${formatCount(run.toStep)}`;
  const { checkpoint, window } = job.spec;
  // To so many digits 100 × 0.07 is 7.
  if (window.finalFraction !== undefined) return `last ${Number((100 * window.finalFraction).toPrecision(12))} %`;
  const from = Number(checkpoint?.slice('step'.length)); // one of the two is given
  const to = window.steps === undefined ? window.to : from + window.steps;
  return to === undefined
    ? `from step ${formatCount(from)} to the end`
    : `steps ${formatCount(from)} to ${formatCount(to)}`;
}

export const DIRECTION_WORDS: Readonly<Record<JobSpec['intervention']['direction'], string>> = {
  'masculine-to-feminine': 'masculine → feminine',
  'feminine-to-masculine': 'feminine → masculine',
  swap: 'swap both ways',
  balanced: 'balanced',
  neutral: 'neutral',
};

/** Which pronouns become which. */
export function directionWords({ intervention }: JobSpec): string {
  return DIRECTION_WORDS[intervention.direction];
}

/** In how many of the documents, and by which policy. */
export function policyWords({ intervention }: JobSpec): string {
  return `p\u00a0=\u00a0${intervention.probability}, ${intervention.policy}`;
}

/** Share of all training that is done, 0–1, over the arms that are trained. */
export function shareDone(job: Job): number {
  if (job.state === 'succeeded') return 1;
  const trained = job.arms.filter(({ arm }) => arm !== 'published');
  const steps = trained.map((run) => ({
    done: (job.progress?.arms[run.arm]?.step ?? run.step) - run.fromStep,
    all: run.toStep - run.fromStep,
  }));
  const all = steps.reduce((sum, run) => sum + run.all, 0);
  const done = steps.reduce((sum, run) => sum + Math.max(0, run.done), 0);
  return all === 0 ? 0 : Math.min(1, done / all);
}
