// A job as its manifest tells it: read from the API or from a file, checked before use. All that is needed to repeat its steps elsewhere.
import { z } from 'zod';
import { DataError } from '../src/errors.ts';
import { ARMS, jobSpecSchema } from '../src/job-spec.ts';
import type { JobPlan } from './preparation.ts';

/** A file that the job read: hashed; too large for that; or behind a URL, whose server tells versions apart. */
const file = z.union([
  z.object({ path: z.string(), sizeBytes: z.number(), sha256: z.string().nullable() }),
  z.object({ url: z.string(), sizeBytes: z.number(), version: z.string().nullish() }),
]);
export type FileIdentity = z.infer<typeof file>;

const files = z.union([file.transform((one) => [one]), z.array(file)]);
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');

const steps = z
  .object({
    step: z.array(z.int()),
    attempt: z.array(z.int()),
    sha256Before: z.array(hash),
    sha256After: z.array(hash),
    lossNats: z.array(z.number().nullable()),
    gradientNorm: z.array(z.number().nullable()),
  })
  .refine((columns) => Object.values(columns).every(({ length }) => length === columns.step.length), {
    message: 'expected columns of one length',
  });

const checkpoint = z.object({ step: z.int(), path: z.string(), manifestSha256: hash });
const run = z.object({ state: z.string(), steps, checkpoints: z.array(checkpoint) });
export type RecordedRun = z.infer<typeof run>;
export type RecordedCheckpoint = z.infer<typeof checkpoint>;

const recordSchema = z.object({
  format: z.literal('tiresias-manifest-1'),
  job: z.object({ id: z.uuid(), name: z.string() }),
  spec: jobSpecSchema,
  // As resolvePlan made it; what is read here of its fields is checked, the rest is the program's own.
  plan: z.looseObject({
    from: z.int(),
    to: z.int(),
    rowsPerStep: z.int().min(1),
    backend: z.object({ name: z.string() }),
  }),
  model: z.object({
    name: z.string(),
    config: files,
    tokenizer: files,
    start: files.nullable(),
    published: files.nullable(),
  }),
  dataset: z.object({ bin: files, idx: files }),
  policy: z.object({ name: z.string(), version: z.union([z.string(), z.number()]) }),
  benchmarks: z.array(z.object({ name: z.string(), sha256: hash })),
  software: z.looseObject({ tiresias: z.string(), node: z.string(), lockfileSha256: hash }),
  machine: z.looseObject({ platform: z.string(), arch: z.string(), cpu: z.string() }),
  /** Of a fork: the checkpoint of another job's run that it started from. */
  start: z
    .object({ job: z.uuid(), arm: z.enum(ARMS), step: z.int(), path: z.string(), manifestSha256: hash })
    .optional(),
  burnIn: z
    .object({
      ...{ from: z.int(), to: z.int(), manifestSha256: hash },
      /** The job that did it for this one, too. */
      takenFrom: z.object({ job: z.uuid(), name: z.string() }).optional(),
    })
    .optional(),
  arms: z.partialRecord(z.enum(ARMS), run),
});

export type JobRecord = Omit<z.infer<typeof recordSchema>, 'plan'> & { readonly plan: JobPlan };

/** The job below whose folder the burn-in lies. */
export function jobOfBurnIn({ job, burnIn }: Pick<JobRecord, 'job' | 'burnIn'>): string {
  return burnIn?.takenFrom?.job ?? job.id;
}

/** Checks a manifest; `where` names it in messages. Throws DataError naming the field. */
export function parseRecord(value: unknown, where: string): JobRecord {
  const result = recordSchema.safeParse(value);
  if (result.success) return { ...result.data, plan: result.data.plan as unknown as JobPlan };
  const issue = result.error.issues[0];
  throw new DataError(
    `${where}: not the manifest of a job: field "${issue?.path.join('.') ?? ''}": ${issue?.message ?? ''}; take it from the API, /v1/jobs/ID/manifest`,
  );
}
