// The stop rules of sweeps. A worker looks at them before it takes a job: a sweep in which a job has succeeded since the last look begins no job until somebody
// has looked (sweep-limits.ts), whoever trained that job and whoever died meanwhile.
//
// A point of a sweep is its jobs that differ in seeds alone: in the replicate and in `intervention.seed`. The interval of a point with several jobs is Student's over
// those that have succeeded, as many as the rule asks for; that of a point with one job is the job's own, over items. A point that meets any rule is settled.
import { replicateGroups, type ReplicatedFigure } from '../src/replicates.ts';
import { messageOf, TransientError } from '../src/errors.ts';
import { effectsOf, type Item } from '../src/eval/metrics.ts';
import type { Interval } from '../src/eval/statistics.ts';
import { isMet, ruleWords, type StopRule } from '../src/eval/stop-rules.ts';
import { log } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import { listExperiments } from '../src/store/experiments.ts';
import { readItems } from '../src/store/results.ts';
import { recordLook, sweepsToLookAt, type NewSettledPoint, type RuledSweep } from '../src/store/settled-points.ts';
import { pauseForFault } from '../src/store/sweep-orders.ts';

/** Looks at every sweep that is to be looked at. Throws TransientError; a sweep whose rules cannot be looked at is paused and says why. */
export async function lookAtSweeps(database: Database): Promise<void> {
  for (const sweep of await sweepsToLookAt(database)) {
    try {
      await lookAt(database, sweep);
    } catch (error) {
      if (error instanceof TransientError) throw error;
      log.error({ sweep: sweep.id, err: error }, 'the stop rules of a sweep could not be looked at; it is paused');
      await pauseForFault(database, sweep.id, `its stop rules could not be looked at: ${messageOf(error)}`);
    }
  }
}

async function lookAt(database: Database, sweep: RuledSweep): Promise<void> {
  const rules = sweep.stop as readonly StopRule[]; // checked before they were stored
  const fresh = sweep.jobs.filter(({ state, stopLooked }) => state === 'succeeded' && !stopLooked);
  const touched = new Set(fresh.map(({ sweepPoint }) => pointKey(sweep, sweepPoint)));
  const settled: NewSettledPoint[] = [];
  for (const point of touched) {
    if (sweep.settled.includes(point)) continue;
    const jobs = sweep.jobs.filter(({ sweepPoint }) => pointKey(sweep, sweepPoint) === point);
    const met = await ruleMetBy(database, rules, jobs);
    if (met === undefined) continue;
    settled.push({ point, jobs: jobs.map(({ id }) => id), ...met, message: messageFor(point, met) });
  }
  await recordLook(
    database,
    sweep.id,
    fresh.map(({ id }) => id),
    settled,
  );
}

/** The values of the grid that are no seeds, as JSON with its keys in order. */
function pointKey({ spec }: RuledSweep, sweepPoint: unknown): string {
  const { replicates } = spec as { readonly replicates?: unknown }; // a checked document
  const seeds = ['intervention.seed', ...(replicates === undefined ? [] : ['model', 'dataset'])];
  const values = Object.entries(sweepPoint as object).filter(([path]) => !seeds.includes(path));
  return JSON.stringify(Object.fromEntries(values.sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** What a rule was held against. */
interface Found {
  readonly value: number;
  readonly interval: Interval;
  readonly over: string;
  readonly numReplicates: number;
}

interface Met {
  readonly rule: StopRule;
  readonly found: Found;
}

/** The first rule that the point meets. Models of several families are no replicates of each other: each family must meet it. */
async function ruleMetBy(
  database: Database,
  rules: readonly StopRule[],
  jobs: RuledSweep['jobs'],
): Promise<Met | undefined> {
  const ids = jobs.filter(({ state }) => state === 'succeeded').map(({ id }) => id);
  const experiments = await listExperiments(database, ids);
  const groups = replicateGroups(experiments);
  const isSingle = jobs.length === 1;
  for (const rule of rules) {
    if (groups.some(({ effects }) => !effects.some((row) => isOf(rule, row)))) continue;
    const held = groups.flatMap(({ over, effects }) =>
      effects
        .filter((row) => isOf(rule, row))
        .map(
          async (figure) =>
            isSingle ? ownEffect(database, rule, ids[0]!, figure) : overReplicates(rule, figure, over), // a figure is of a job
        ),
    );
    const met = (await Promise.all(held)).filter((one) => one !== undefined);
    if (met.length > 0 && met.length === held.length) return { rule, found: met[0]! }; // there is one
  }
  return undefined;
}

function isOf({ benchmark, protocol, metric }: StopRule, row: ReplicatedFigure): boolean {
  return row.benchmark === benchmark && row.protocol === protocol && row.metric === metric;
}

function overReplicates(rule: StopRule, figure: ReplicatedFigure, over: string): Found | undefined {
  const { value, interval, numReplicates } = figure;
  if (numReplicates < rule.minReplicates || interval === null || !isMet(rule, interval)) return undefined;
  return { value, interval, over, numReplicates };
}

async function ownEffect(
  database: Database,
  rule: StopRule,
  id: string,
  { benchmark, protocol, settings, metric, step }: ReplicatedFigure,
): Promise<Found | undefined> {
  const place = { step, benchmark, protocol, settings };
  const intervention = await readItems(database, id, { arm: 'intervention', ...place });
  const control = await readItems(database, id, { arm: 'control', ...place });
  const effect = effectsOf(intervention as Item[], control as Item[])[metric]; // stored by a worker from an Evaluation
  if (effect === undefined || effect.value === null || effect.interval === null) return undefined;
  if (!isMet(rule, effect.interval)) return undefined;
  return { value: effect.value, interval: effect.interval, over: 'items', numReplicates: 1 };
}

function messageFor(point: string, { rule, found }: Met): string {
  const [low, high] = found.interval.map((bound) => Number(bound.toPrecision(4)));
  const many = found.over === 'items' ? 'items' : `${found.numReplicates} ${found.over}`;
  return (
    `not needed: at ${point} the 95 % interval of the effect on ${rule.benchmark} ${rule.metric} over ${many} is ` +
    `[${low}, ${high}], ${ruleWords(rule)}`
  );
}
