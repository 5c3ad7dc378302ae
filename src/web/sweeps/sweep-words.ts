// Short words for a sweep: its state, what bounds it, its axes and points, its stop rules.
import { formatCount, formatDifference, formatInterval } from '../format.ts';
import type { Json, JsonObject } from '../json-pointer.ts';
import { describeMetric } from '../metric-names.ts';
import type { SettledPoint, StopRule, Sweep } from '../sweeps-api.ts';

const FINAL = ['succeeded', 'failed', 'cancelled'];

export function numOver({ jobsByState }: Sweep): number {
  return FINAL.reduce((sum, state) => sum + (jobsByState[state] ?? 0), 0);
}

export function isOver(sweep: Sweep): boolean {
  return numOver(sweep) === sweep.numJobs;
}

/** What the sweep does now, with a sign of its own shape. */
export function sweepState(sweep: Sweep): { readonly words: string; readonly sign: string; readonly badge: string } {
  if (isOver(sweep)) {
    const failed = sweep.jobsByState['failed'] ?? 0;
    if (sweep.state === 'cancelled') return { words: 'cancelled', sign: '⊘', badge: 'cancelled' };
    if (failed > 0) return { words: `over, ${formatCount(failed)} failed`, sign: '✕', badge: 'failed' };
    return { words: sweep.state === 'stopped' ? 'stopped' : 'over', sign: '✓', badge: 'succeeded' };
  }
  if (sweep.state === 'paused') return { words: 'paused', sign: '◫', badge: 'paused' };
  if (sweep.state === 'stopped') return { words: 'stopping', sign: '◌', badge: 'cancelling' };
  if (sweep.state === 'cancelled') return { words: 'cancelling', sign: '◌', badge: 'cancelling' };
  const isAtWork = Object.keys(sweep.jobsByState).some((state) => ![...FINAL, 'queued', 'paused'].includes(state));
  return isAtWork
    ? { words: 'running', sign: '▶', badge: 'running' }
    : { words: 'waiting', sign: '○', badge: 'queued' };
}

const HELD: Readonly<Record<string, string>> = {
  pause: 'it is paused: resume it to begin further jobs',
  budget: 'its budget is spent: jobs at work go on, no further one is begun',
  maxParallel: 'as many jobs are at work as it allows at once',
  'stop rules': 'its stop rules are being looked at',
};

/** Why no queued job is begun; null where nothing is in the way. */
export function holdWords({ heldBy }: Sweep): string | null {
  return heldBy === null ? null : (HELD[heldBy] ?? heldBy);
}

export function budgetWords({ budget, used }: Sweep): string {
  const spent = [`${formatCount(used.steps)} updates`, `${used.hours.toFixed(2)} h`];
  if (budget === null) return `${spent.join(', ')} so far; no budget`;
  const parts = [
    ...(budget.steps === null ? [] : [`${formatCount(used.steps)} of ${formatCount(budget.steps)} updates`]),
    ...(budget.hours === null ? [] : [`${used.hours.toFixed(2)} of ${budget.hours} h`]),
  ];
  return parts.join(', ');
}

/** The last part of a dotted path. */
export function axisWords(path: string): string {
  return path.split('.').at(-1) ?? path;
}

export function valueWords(value: Json | undefined): string {
  if (value === undefined) return '–';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** "probability 0.5, direction swap". */
export function pointWords(point: JsonObject): string {
  return Object.entries(point)
    .map(([path, value]) => `${axisWords(path)} ${valueWords(value)}`)
    .join(', ');
}

export function ruleWords(rule: StopRule): string {
  return `the interval of the effect on ${describeMetric(rule.metric).label} (${rule.benchmark}) is ${boundWords(rule)}`;
}

/** How narrow, or how near to zero. */
export function boundWords({ metric, intervalNarrowerThan, clearlyZero }: StopRule): string {
  const { unit } = describeMetric(metric);
  const size = formatDifference(clearlyZero ?? intervalNarrowerThan ?? null, unit).replace('+', '');
  return clearlyZero === undefined ? `narrower than ${size}` : `within ±${size} of zero`;
}

/** A rule that was met with the last job has ended nothing. */
export function stoppedWords({ numCancelled }: SettledPoint): string {
  return numCancelled > 0 ? 'stopped early by rule' : 'met a stop rule';
}

/** The settled point that a job belongs to, whatever its seeds. */
export function settledPointOf(settled: readonly SettledPoint[], sweepPoint: JsonObject): SettledPoint | undefined {
  return settled.find(({ point }) =>
    Object.entries(point).every(([path, value]) => JSON.stringify(sweepPoint[path]) === JSON.stringify(value)),
  );
}

/** What ended a point. */
export function settledWords({ rule, found, numCancelled }: SettledPoint): string {
  const { unit } = describeMetric(rule.metric);
  const jobs = numCancelled === 1 ? '1 job was' : `${formatCount(numCancelled)} jobs were`;
  const ended = numCancelled === 0 ? '' : `; ${jobs} not needed`;
  return `${ruleWords(rule)}: ${formatInterval(found.interval, unit)}, over ${found.over}${ended}`;
}
