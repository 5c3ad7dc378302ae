// What other programs are told of a job: its settings, curves and scores by arm, as the API answers them.
import { z } from 'zod';
import { FINAL_STATES } from '../job-spec.ts';

const column = z.array(z.number().nullable());

/** Columns of equal length by arm. */
export const curvesSchema = z.object({
  arms: z.record(
    z.string(),
    z.looseObject({ step: z.array(z.int()), recordedAtMs: z.array(z.number()) }).catchall(column),
  ),
});
export type Curves = z.infer<typeof curvesSchema>['arms'][string];

export const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())]));
export const intervalSchema = z.tuple([z.number(), z.number()]).nullable();

const place = {
  benchmark: z.string(),
  // Left out by servers that score by likelihood alone.
  protocol: z.string().default('likelihood'),
  settings: settingsSchema.default({}),
  metric: z.string(),
  step: z.int(),
};
export const scoreSchema = z.looseObject({
  ...place,
  arm: z.string(),
  value: z.number().nullable(),
  standardError: z.number().nullable(),
  interval: intervalSchema,
  numItems: z.int(),
});
export type Score = z.infer<typeof scoreSchema>;

export const effectSchema = z.looseObject({
  ...place,
  value: z.number().nullable(),
  interval: intervalSchema,
  pValue: z.number().nullable(),
  pAdjusted: z.number().nullable(),
  pScope: z.string(),
  numItems: z.int(),
});
export type Effect = z.infer<typeof effectSchema>;

const labelSchema = z.looseObject({ arm: z.string(), benchmark: z.string(), label: z.string(), detail: z.string() });

export const allScoresSchema = z.looseObject({
  scores: z.array(scoreSchema),
  effects: z.array(effectSchema),
  labels: z.array(labelSchema),
});

export interface JobReport {
  readonly job: {
    readonly id: string;
    readonly name: string;
    readonly state: string;
    readonly createdAt: string;
    readonly finishedAt: string | null;
    readonly spec: Readonly<Record<string, unknown>>;
    readonly plan: unknown;
  };
  readonly curves: Readonly<Record<string, Curves>>;
  readonly scores: readonly Score[];
  readonly effects: readonly Effect[];
  readonly labels: readonly z.infer<typeof labelSchema>[];
}

/** A figure of an arm at a step. */
export interface Point {
  readonly name: string;
  readonly step: number;
  readonly value: number;
  readonly timeMs: number;
}

/** Arms that have curves or scores, in the order of the spec. */
export function armsOf({ job, curves, scores }: JobReport): string[] {
  const recorded = new Set([...Object.keys(curves), ...scores.map(({ arm }) => arm)]);
  return (job.spec['arms'] as string[]).filter((arm) => recorded.has(arm));
}

/**
 * All figures of an arm behind a step: its curves, and its scores with the ends of their intervals. Of a job that is not over, those of steps that nothing will be
 * added to: a step is scored before the next begins.
 */
export function pointsOf(report: JobReport, arm: string, after = -1): Point[] {
  const curves = report.curves[arm];
  const isOver = (FINAL_STATES as readonly string[]).includes(report.job.state);
  const end = isOver ? Infinity : Math.max(-1, ...(curves?.step ?? []));
  const times = new Map(curves?.step.map((step, i) => [step, curves.recordedAtMs[i]!]));
  const timeOf = (step: number) => times.get(step) ?? Date.parse(report.job.finishedAt ?? report.job.createdAt);
  const ofCurves = Object.entries(curves ?? {}).flatMap(([name, values]) =>
    name === 'step' || name === 'recordedAtMs'
      ? []
      : values.map((value, i) => ({ name: `train/${name}`, step: curves!.step[i]!, value })),
  );
  const ofScores = report.scores
    .filter((score) => score.arm === arm)
    .flatMap((score) => {
      const { step, value, interval } = score;
      return [
        { name: nameOf(score), step, value },
        { name: `${nameOf(score)}/low`, step, value: interval?.[0] ?? null },
        { name: `${nameOf(score)}/high`, step, value: interval?.[1] ?? null },
      ];
    });
  return [...ofCurves, ...ofScores]
    .filter((point): point is Omit<Point, 'timeMs'> => point.value !== null && point.step > after && point.step < end)
    .map((point) => ({ ...point, timeMs: timeOf(point.step) }));
}

/** Benchmark, protocol with its settings, and metric: together the identity of a score. */
export function nameOf(score: Pick<Score, 'benchmark' | 'protocol' | 'settings' | 'metric'>): string {
  return [taskOf(score), score.metric].join('/');
}

/** The same without the metric. */
export function taskOf({ benchmark, protocol, settings }: Pick<Score, 'benchmark' | 'protocol' | 'settings'>): string {
  const words = Object.entries(settings).map(([name, value]) => `${name}=${String(value)}`);
  return [benchmark, [protocol, ...words].join(' ')].join('/');
}

/** Groups in the order of their first values. */
export function grouped<Value, Key>(values: readonly Value[], keyOf: (value: Value) => Key): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}
