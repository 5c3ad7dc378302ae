// The answers of the HTTP API as far as the commands read them; whatever else the server says is passed over, or kept for `--json`.
import { z } from 'zod';
import { effectSchema, intervalSchema, settingsSchema } from '../handover/job-report.ts';
import { ARMS, JOB_STATES } from '../job-spec.ts';

/** What the commands read of a job; whatever else the server says is kept for `--json`. */
export const jobSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  state: z.enum(JOB_STATES),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  /** Left out by older servers. */
  heldBy: z.string().nullish(),
  attempt: z.int(),
  /** Left out by older servers. */
  submittedBy: z.looseObject({ name: z.string() }).nullish(),
  /** Of a fork: the checkpoint that it starts from. */
  start: z
    .object({ job: z.string(), arm: z.enum(ARMS), step: z.int(), path: z.string(), manifestSha256: z.string() })
    .nullish(),
  spec: z.looseObject({ model: z.string(), dataset: z.string(), arms: z.array(z.string()) }),
  plan: z.unknown(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  arms: z.array(
    z.looseObject({ arm: z.string(), state: z.string(), fromStep: z.int(), toStep: z.int(), step: z.int() }),
  ),
});
export type Job = z.infer<typeof jobSchema>;

export const jobListSchema = z.object({ jobs: z.array(jobSchema), nextCursor: z.string().nullable() });
export type JobList = z.infer<typeof jobListSchema>;

const sweepSchema = z.object({ sweep: z.looseObject({ id: z.string(), name: z.string() }), jobs: z.array(jobSchema) });

export const effectsSchema = z.looseObject({ effects: z.array(effectSchema) });
export const checkpointsSchema = z.object({
  checkpoints: z.array(z.looseObject({ arm: z.string(), step: z.int(), path: z.string(), manifestSha256: z.string() })),
});

export const jobLogSchema = z.object({
  lines: z.array(
    z.looseObject({
      ...{ id: z.int(), at: z.string(), level: z.string(), message: z.string() },
      ...{ attempt: z.int().nullable(), arm: z.string().nullable(), details: z.record(z.string(), z.unknown()) },
    }),
  ),
  lastId: z.string(),
});
export type JobLog = z.infer<typeof jobLogSchema>;

export const workerSchema = z.looseObject({
  ...{ id: z.string(), host: z.string(), pid: z.int(), order: z.string().nullable(), startedAt: z.string() },
  numSlots: z.int(),
  beatAgeMs: z.number(),
  jobs: z.array(z.looseObject({ id: z.string(), name: z.string() })),
});
export type Worker = z.infer<typeof workerSchema>;

const place = {
  benchmark: z.string(),
  protocol: z.string(),
  settings: settingsSchema,
  metric: z.string(),
};
const replicateGroupSchema = z.looseObject({
  ...{ family: z.string(), point: z.record(z.string(), z.unknown()).nullable(), scope: z.string() },
  refused: z.array(z.object({ id: z.string(), detail: z.string() })),
  effects: z.array(
    z.looseObject({
      ...{
        ...place,
        value: z.number(),
        standardError: z.number().nullable(),
        interval: intervalSchema,
        numReplicates: z.int(),
      },
      replicates: z.array(z.object({ seed: z.int().nullable(), value: z.number() })),
    }),
  ),
});
export type ReplicateGroup = z.infer<typeof replicateGroupSchema>;
export const sweepSummarySchema = sweepSchema.extend({ replicates: z.array(replicateGroupSchema) });

const warning = z.object({ label: z.string(), detail: z.string() });
const comparedSchema = z.looseObject({
  id: z.string(),
  scores: z.partialRecord(z.string(), z.looseObject({ value: z.number(), interval: intervalSchema })),
  effect: effectSchema.nullable(),
  published: z.array(z.looseObject({ condition: z.string(), value: z.number(), warnings: z.array(warning) })),
});
export const comparisonSchema = z.looseObject({
  jobs: z.array(jobSchema),
  metrics: z.array(z.looseObject({ ...place, jobs: z.array(comparedSchema) })),
  labels: z.array(warning.extend({ id: z.string(), arm: z.string() })),
  replicates: z.array(replicateGroupSchema),
});
export type Comparison = z.infer<typeof comparisonSchema>;

const figures = z.object({ value: z.number(), numItems: z.int() });
export const scoreChecksSchema = z.looseObject({
  tolerance: z.number(),
  checks: z.array(
    z.looseObject({
      ...{ arm: z.enum(ARMS), step: z.int(), benchmark: z.string(), protocol: z.string(), metric: z.string() },
      ...{ stored: figures.nullable(), fromItems: figures.nullable(), isEqual: z.boolean() },
    }),
  ),
});
export type ScoreChecks = z.infer<typeof scoreChecksSchema>;

export const previewSchema = z.looseObject({
  ...{ step: z.int(), numRows: z.int(), numRowsChanged: z.int(), numEdits: z.int() },
  ...{ sha256Before: z.string(), sha256After: z.string(), editsByRule: z.record(z.string(), z.int()) },
  rows: z.array(
    z.looseObject({
      ...{ row: z.int(), sample: z.int() },
      edits: z.array(
        z.looseObject({
          ...{ rule: z.string(), before: z.string(), after: z.string() },
          ...{ contextBefore: z.string(), contextAfter: z.string() },
        }),
      ),
    }),
  ),
});
export type Preview = z.infer<typeof previewSchema>;

export const estimateSchema = z.looseObject({
  window: z.object({ from: z.int(), to: z.int(), numSteps: z.int() }),
  ...{ microBatchSize: z.int(), recompute: z.string(), resume: z.string(), numTokens: z.number() },
  backend: z.object({ name: z.string(), basis: z.string() }),
  memory: z.looseObject({ residentBytesPerTrainer: z.number(), numTrainersAtOnce: z.int(), machineBytes: z.number() }),
  disk: z.looseObject({ bytes: z.number(), numCheckpoints: z.int(), freeBytes: z.number() }),
  time: z.object({ trainingSeconds: z.number().nullable(), basis: z.string() }),
  /** Not of older servers. */
  sharing: z
    .looseObject({
      numTrainings: z.int(),
      parts: z.array(
        z.looseObject({
          ...{ part: z.string(), state: z.string() },
          scoring: z.looseObject({ benchmark: z.string(), protocol: z.string(), settings: settingsSchema }).nullable(),
          by: z.looseObject({ name: z.string() }).nullable(),
        }),
      ),
      left: z.looseObject({
        ...{ numTrainings: z.int(), numTokens: z.number() },
        ...{ trainingSeconds: z.number().nullable(), diskBytes: z.number() },
      }),
      basis: z.string(),
    })
    .optional(),
  evaluations: z.looseObject({
    benchmarks: z.array(
      z.looseObject({
        ...{ benchmark: z.string(), metric: z.string().nullable(), numItems: z.int() },
        leastSignificant: z.number().nullable(),
        detectable: z.array(z.object({ shareDiffering: z.number(), difference: z.number().nullable() })),
        observed: z
          .looseObject({
            effects: z.array(z.looseObject({ metric: z.string(), detectable: z.number().nullable() })),
          })
          .nullable(),
        /** Not of older servers. */
        overReplicates: z
          .looseObject({
            ...{ numReplicates: z.int(), basis: z.string() },
            effects: z.array(z.looseObject({ metric: z.string(), detectable: z.number().nullable() })),
          })
          .optional(),
      }),
    ),
  }),
});
export type Estimate = z.infer<typeof estimateSchema>;
