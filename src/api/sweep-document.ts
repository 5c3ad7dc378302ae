// The document of a sweep: what POST /sweeps takes and what is added later. The order of its points is deterministic: paths in the order given, the last one
// varying fastest, replicates fastest of all.
import { z } from 'zod';
import { METRIC_ORDER } from '../eval/metrics.ts';
import { PROTOCOLS } from '../job-spec.ts';
import { pointerOf } from './problem.ts';

export const MAX_POINTS = 500;

const path = z.string().regex(/^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$/, 'a path is written intervention.seed');
const values = z
  .array(z.unknown())
  .min(1)
  .max(MAX_POINTS)
  .refine((list) => new Set(list.map((value) => JSON.stringify(value))).size === list.length, 'each value only once');
const gridSchema = z.record(path, values);

/** A model of another seed, with the dataset of its own training where that is another, too. */
const replicate = z.strictObject({ model: z.string().min(1).max(200), dataset: z.string().min(1).max(200).optional() });
const replicatesSchema = z.array(replicate).min(1).max(MAX_POINTS);

const maxParallel = z.int().min(1).max(1000).meta({ description: 'Jobs at work at once.' });
const steps = z.int().min(1).max(1_000_000_000).meta({ description: 'Optimizer updates of trained arms.' });
const hours = z.number().gt(0).max(1_000_000).meta({ description: "Of attempts' wall time, summed." });
const budget = z
  .strictObject({ steps: steps.optional(), hours: hours.optional() })
  .refine(({ steps, hours }) => steps !== undefined || hours !== undefined, 'give steps, hours, or both')
  .meta({ description: 'Once it is spent, no job is begun; those that were go on.' });

const isMetric = (name: string) => METRIC_ORDER.some((whole) => name === whole || name.startsWith(`${whole}.`));
const metric = z
  .string()
  .max(100)
  .refine(isMetric, {
    message: `no metric that has an effect; there is ${METRIC_ORDER.join(', ')}, and parts such as proRate.feminine`,
  });
const bound = z.number().gt(0);
const stopRule = z
  .strictObject({
    benchmark: z.string().min(1).max(200),
    protocol: z.enum(PROTOCOLS).default('likelihood'),
    metric,
    intervalNarrowerThan: bound.optional().meta({ description: 'Met when the 95 % interval is narrower.' }),
    clearlyZero: bound.optional().meta({ description: 'Met when the whole interval lies within so much of zero.' }),
    minReplicates: z.int().min(2).max(MAX_POINTS).default(2).meta({
      description: 'Replicates that the interval of a point with several jobs needs.',
    }),
  })
  .refine(
    ({ intervalNarrowerThan, clearlyZero }) => (intervalNarrowerThan === undefined) !== (clearlyZero === undefined),
    {
      message: 'give either intervalNarrowerThan or clearlyZero; another rule may have the other',
    },
  );

/** What POST /sweeps takes; `base` is checked at every point of the grid. */
export const sweepSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    base: z.record(z.string(), z.unknown()).meta({ description: 'A JobSpec; what the grid sets may be left out.' }),
    grid: gridSchema.default({}).meta({
      description: `Values by dotted path, for example {"intervention.probability": [0, 0.5, 1]}; ${MAX_POINTS} points at most.`,
    }),
    replicates: replicatesSchema.optional().meta({
      description: 'Models of other seeds, each with the dataset of its own training where that is another, too.',
    }),
    maxParallel: maxParallel.optional(),
    budget: budget.optional(),
    stop: z.array(stopRule).min(1).max(20).optional().meta({
      description:
        'Rules, any of which settles a point: jobs that differ in seeds alone. The jobs of a settled point that have not begun are cancelled.',
    }),
  })
  .refine(({ grid, replicates }) => Object.keys(grid).length > 0 || replicates !== undefined, {
    path: ['grid'],
    message: 'give at least one path, or replicates',
  })
  .meta({ id: 'NewSweep' });
export type SweepDocument = z.output<typeof sweepSchema>;

/** What POST /sweeps/:id/points takes. */
export const pointsSchema = z
  .strictObject({
    grid: gridSchema.default({}).meta({ description: 'More values of paths that the sweep has.' }),
    replicates: replicatesSchema.optional().meta({ description: 'More models of other seeds.' }),
  })
  .refine(({ grid, replicates }) => Object.keys(grid).length > 0 || replicates !== undefined, {
    path: ['grid'],
    message: 'give values of at least one path, or replicates',
  })
  .meta({ id: 'NewPoints', description: 'Points of the enlarged grid that are not there yet become jobs.' });
export type PointsDocument = z.output<typeof pointsSchema>;

/** What PATCH /sweeps/:id takes. */
export const sweepChangesSchema = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    maxParallel: maxParallel.nullable().optional(),
    budget: z
      .strictObject({ steps: steps.nullable().optional(), hours: hours.nullable().optional() })
      .nullable()
      .optional(),
  })
  .meta({ id: 'SweepChanges', description: 'What is given is changed; null takes a limit away.' });

/** Values of one path of the grid, or the replicates, each of which sets several. */
export interface Axis {
  readonly path: string | null;
  readonly values: unknown[];
  /** Of each value in the document that the caller sent; null where it is of the sweep that is there. */
  readonly pointers: readonly (string | null)[];
}

/** The axes of a document that was sent. */
export function axesOf({ grid, replicates }: Pick<SweepDocument, 'grid' | 'replicates'>): Axis[] {
  const axes = Object.entries(grid).map(([own, list]) => axisOf(own, ['grid', own], list));
  return replicates === undefined ? axes : [...axes, axisOf(null, ['replicates'], replicates)];
}

function axisOf(own: string | null, place: readonly string[], list: unknown[]): Axis {
  return { path: own, values: list, pointers: list.map((_, i) => pointerOf([...place, i])) };
}

/** The axes of a stored sweep in the order of its paths, enlarged by what is added; new values come behind those that are there. */
export function enlargedAxes(stored: SweepDocument, paths: readonly string[], added: PointsDocument): Axis[] {
  const ordered = Object.fromEntries(
    [...new Set([...paths, ...Object.keys(stored.grid)])].map((own) => [own, stored.grid[own]!]),
  ); // its own paths
  const isAdded = added.replicates !== undefined;
  const replicates = stored.replicates ?? (isAdded ? [baseReplicate(stored)] : undefined);
  const known = axesOf({ grid: ordered, ...(replicates && { replicates }) });
  const more = axesOf(added);
  return known.map((axis) => {
    const texts = axis.values.map((value) => JSON.stringify(value));
    const extra = more.find((one) => one.path === axis.path);
    const fresh = (extra?.values ?? []).flatMap(
      (value, i) => (texts.includes(JSON.stringify(value)) ? [] : [{ value, pointer: extra!.pointers[i]! }]), // its values are there, and as many pointers
    );
    return {
      path: axis.path,
      values: [...axis.values, ...fresh.map(({ value }) => value)],
      pointers: [...axis.values.map(() => null), ...fresh.map(({ pointer }) => pointer)],
    };
  });
}

/** The model that a sweep without replicates has, as the first of them. */
function baseReplicate({ base }: SweepDocument): z.output<typeof replicate> {
  const { model, dataset } = base;
  return { model: String(model), ...(typeof dataset === 'string' && { dataset }) };
}

/** The stored document with the values of these axes. */
export function withAxes(stored: SweepDocument, axes: readonly Axis[]): SweepDocument {
  const grid = axes.flatMap((axis) => (axis.path === null ? [] : [[axis.path, axis.values] as const]));
  const replicates = axes.find((axis) => axis.path === null)?.values as SweepDocument['replicates'];
  return { ...stored, grid: Object.fromEntries(grid), ...(replicates && { replicates }) };
}
