// The API of sweeps as the commands call it.
import { z } from 'zod';
import { connect, request, send } from './api-client.ts';
import { jobSchema } from './api-answers.ts';

const pointSchema = z.record(z.string(), z.unknown());
const jobCounts = z.record(z.string(), z.int());

/** What the commands read of a sweep; whatever else the server says is kept for `--json`. */
const sweepSchema = z.looseObject({
  ...{ id: z.string(), name: z.string(), state: z.string(), message: z.string().nullable() },
  ...{ numJobs: z.int(), jobsByState: jobCounts, heldBy: z.string().nullable(), createdAt: z.string() },
  maxParallel: z.int().nullable(),
  budget: z.object({ steps: z.int().nullable(), hours: z.number().nullable() }).nullable(),
  used: z.object({ steps: z.int(), hours: z.number() }),
  settled: z.array(z.looseObject({ point: pointSchema, rule: z.looseObject({}), numCancelled: z.int() })),
});
export type Sweep = z.infer<typeof sweepSchema>;

const sweepWithJobsSchema = z.looseObject({ sweep: sweepSchema, jobs: z.array(jobSchema) });
export type SweepWithJobs = z.infer<typeof sweepWithJobsSchema>;

/** Of a sweep that was just made. */
const madeSchema = z.looseObject({
  sweep: z.looseObject({ id: z.string(), name: z.string() }),
  jobs: z.array(jobSchema),
});

const planSchema = z.looseObject({
  ...{ name: z.string(), numTrainings: z.int(), numDistinctControls: z.int() },
  /** Not of older servers. */
  numTrainingsIfShared: z.int().optional(),
  points: z.array(z.object({ name: z.string(), point: pointSchema })),
});

export const SWEEP_ORDERS = ['pause', 'resume', 'stop', 'cancel'] as const;
export type SweepOrder = (typeof SWEEP_ORDERS)[number];

export interface ResultQuery {
  readonly format: string;
  readonly parts?: 'yes';
  readonly digits?: string;
}

export type SweepClient = ReturnType<typeof connectSweeps>;

/** The sweeps of the server at `url`. Every call throws ApiError when it is refused. */
export function connectSweeps(url: string | undefined) {
  const { base } = connect(url);
  const path = (id: string) => `v1/sweeps/${encodeURIComponent(id)}`;
  const post = <T>(to: string, schema: z.ZodType<T>, body?: unknown, key?: string) =>
    request(base, to, schema, { method: 'POST', body, key });
  return {
    submit: (document: unknown, key?: string) => post('v1/sweeps', madeSchema, document, key),
    plan: (document: unknown) => post('v1/sweeps/plan', planSchema, document),
    list: (limit: number) => request(base, `v1/sweeps?limit=${limit}`, z.object({ sweeps: z.array(sweepSchema) })),
    get: (id: string) => request(base, path(id), sweepWithJobsSchema),
    order: (id: string, order: SweepOrder) => post(`${path(id)}/${order}`, sweepSchema),
    change: (id: string, body: unknown) => request(base, path(id), sweepSchema, { method: 'PATCH', body }),
    add: (id: string, points: unknown, key?: string) => post(`${path(id)}/points`, madeSchema, points, key),
    /** The text of the answer. */
    results: async (id: string, query: ResultQuery) => {
      const response = await send(base, `${path(id)}/results?${new URLSearchParams({ ...query })}`, {});
      return response.text();
    },
  };
}
