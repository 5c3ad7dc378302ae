// Jobs in every state as rows, as workers would have left them, for what looks at a real database without waiting for training: curves
// that fall, edits that vary, scores that an intervention shifts. Nothing is drawn at random.
import { randomUUID } from 'node:crypto';
import { FINAL_STATES, jobSpecSchema, type Arm, type JobSpecInput, type JobState } from '../../src/job-spec.ts';
import type { Database } from '../../src/store/database.ts';
import { asJson } from '../../src/store/events.ts';
import { seededEvaluations, wobble } from './seeded-items.ts';

export const FROM = 1330;
export const TO = 1430;
const EVALUATED_EVERY = 20;
const PLAN = {
  ...{ from: FROM, to: TO, every: EVALUATED_EVERY, batchSize: 16, rowsPerStep: 16, seqLength: 128, microBatchSize: 16 },
  ...{ resume: 'exact-state', precision: 'fp32', backend: { name: 'native', why: 'it is built for this machine' } },
};

export interface SeededJob {
  readonly state: JobState;
  readonly spec?: Partial<JobSpecInput>;
  /** Steps that each trained arm has finished; default: all. */
  readonly numSteps?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly attempt?: number;
  readonly minutesAgo?: number;
  readonly sweepId?: string;
  readonly sweepPoint?: Record<string, unknown>;
  /** Whether the intervention changed no word. */
  readonly isUnedited?: boolean;
}

/** One job of every kind that a view treats differently; ids by name. */
export async function seedJobs(database: Database) {
  const half = { name: 'half of the documents', intervention: { probability: 0.5 } };
  const noEdits = 'no pronoun was changed in steps 1330 to 1430: 0 edits in 1600 rows';
  const memory = 'the trainer of intervention was killed for memory: 3.4 GiB wanted, 3.0 GiB there';
  const jobs = {
    queued: { state: 'queued', spec: { name: 'waits for a worker' }, minutesAgo: 1 },
    running: { state: 'running', spec: half, numSteps: 46, minutesAgo: 4 },
    recovering: { state: 'recovering', spec: { name: 'comes back' }, numSteps: 20, attempt: 2, minutesAgo: 9 },
    pausing: { state: 'pausing', spec: { name: 'is being saved' }, numSteps: 33, minutesAgo: 12 },
    paused: { state: 'paused', spec: { name: 'overnight' }, numSteps: 61, message: 'paused until it is resumed' },
    cancelling: { state: 'cancelling', spec: { name: 'on its way out' }, numSteps: 12, minutesAgo: 16 },
    cancelled: { state: 'cancelled', spec: { name: 'wrong direction' }, numSteps: 40, minutesAgo: 55 },
    failed: {
      state: 'failed',
      spec: { name: 'nothing to swap' },
      reason: 'no-edits',
      message: noEdits,
      isUnedited: true,
    },
    outOfMemory: { state: 'failed', spec: { name: 'too wide' }, numSteps: 0, reason: 'out-of-memory', message: memory },
    succeeded: {
      state: 'succeeded',
      spec: {
        name: 'all documents',
        arms: ['published', 'control', 'intervention', 'placebo'],
        tags: ['paper', 'nano'],
      },
      minutesAgo: 180,
    },
  } satisfies Record<string, SeededJob>;
  const ids: [string, string][] = [];
  for (const [name, job] of Object.entries(jobs)) ids.push([name, await seedJob(database, job)]);
  return Object.fromEntries(ids) as Record<keyof typeof jobs, string>;
}

/** Stores one job with all that its state implies; returns its id. */
export async function seedJob(database: Database, job: SeededJob): Promise<string> {
  const { state, minutesAgo = 30, numSteps = TO - FROM, reason = null, message = null } = job;
  const spec = jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories', ...job.spec });
  const hasBegun = state !== 'queued';
  const attempt = hasBegun ? (job.attempt ?? 1) : 0;
  const createdAt = new Date(Date.now() - minutesAgo * 60_000);
  const isOver = FINAL_STATES.includes(state);
  const isAtWork = hasBegun && !isOver && state !== 'paused';
  const { id } = await database.prisma.job.create({
    data: {
      ...{ name: spec.name ?? `${spec.model} ${spec.intervention.direction}`, spec: asJson(spec), tags: spec.tags },
      ...{ state, reason, message, attempt, createdAt, priority: spec.priority },
      ...(hasBegun && { plan: asJson(PLAN), startedAt: createdAt, manifest: asJson(manifestOf(spec)) }),
      ...(isOver && { finishedAt: new Date(createdAt.getTime() + 312_000) }),
      ...(isAtWork && { owner: 'worker', beatAt: new Date(), leaseUntil: new Date(Date.now() + 3_600_000) }),
      ...(state === 'paused' && { pauseRequested: true }),
      ...(isAtWork && { progress: asJson(progressOf(spec.arms, numSteps)) }),
      ...(job.sweepId !== undefined && { sweepId: job.sweepId, sweepPoint: asJson(job.sweepPoint) }),
    },
    select: { id: true },
  });
  await seedTimeline(database, id, state, attempt, createdAt);
  if (hasBegun) for (const arm of spec.arms) await seedRun(database, id, arm, { ...job, numSteps }, createdAt);
  return id;
}

function manifestOf(spec: unknown) {
  const versions = { node: process.version, tiresias: '0.1.0' };
  return { format: 'tiresias-manifest-1', spec, plan: PLAN, software: versions, machine: { platform: 'linux' } };
}

function progressOf(arms: readonly Arm[], numSteps: number) {
  const trained = arms.filter((arm) => arm !== 'published');
  const at = { from: FROM, to: TO, step: FROM + numSteps, lossNats: 1.91, tokensPerSecond: 4180, phase: 'training' };
  return { arms: Object.fromEntries(trained.map((arm) => [arm, at])), burnIn: null, secondsLeft: 147 };
}

/** States and attempts, from the queue to where the job is. */
async function seedTimeline(database: Database, jobId: string, state: JobState, attempt: number, createdAt: Date) {
  const begun = attempt === 0 ? [] : ['running', ...(state === 'running' ? [] : [state])];
  const states = ['queued', ...begun].map((one, place) => ({ state: one, attempt: place === 0 ? 0 : attempt }));
  await database.prisma.event.createMany({
    data: states.map((data, place) => ({
      ...{ jobId, type: 'state', data },
      at: new Date(createdAt.getTime() + place * 140_000),
    })),
  });
  if (attempt === 0) return;
  const who = { owner: 'worker', host: 'bench-1', pid: 4711 };
  const numbers = Array.from({ length: attempt }, (_none, place) => place + 1);
  await database.prisma.attempt.createMany({
    data: numbers.map((number) => ({ jobId, number, ...who, startedAt: createdAt })),
  });
}

type Trained = SeededJob & { readonly numSteps: number };

async function seedRun(database: Database, jobId: string, arm: Arm, job: Trained, createdAt: Date): Promise<void> {
  const isTrained = arm !== 'published';
  const isAll = job.numSteps === TO - FROM;
  const isOver = FINAL_STATES.includes(job.state);
  const state = isOver ? (isAll ? 'succeeded' : job.state) : isTrained ? 'running' : 'queued';
  const step = isTrained ? FROM + job.numSteps : FROM;
  const window = { fromStep: FROM, toStep: TO, step };
  const { id: runId } = await database.prisma.run.create({ data: { jobId, arm, state, ...window } });
  if (isTrained) await seedSteps(database, runId, arm, job, createdAt);
  const evaluated = isTrained ? stepsTo(step) : isAll ? [TO] : [];
  if (job.numSteps === 0) return;
  const isShifted = arm === 'intervention' && job.isUnedited !== true;
  for (const at of evaluated) await seedScores(database, { jobId, runId, arm, step: at, isShifted });
  if (!isTrained) return;
  await database.prisma.checkpoint.createMany({
    data: evaluated.slice(-2).map((at, place) => ({
      ...{ runId, step: at, attempt: 1, path: `/data/jobs/${jobId}/attempt-1/${arm}/step-${at}` },
      ...{ manifestSha256: `${at}`.padStart(64, 'c'), sizeBytes: 14_300_000n, isPinned: place === 0 && isAll },
    })),
  });
}

function stepsTo(last: number): number[] {
  const all = Array.from(
    { length: (TO - FROM) / EVALUATED_EVERY + 1 },
    (_none, place) => FROM + EVALUATED_EVERY * place,
  );
  return all.filter((step) => step <= last);
}

interface Scored {
  readonly jobId: string;
  readonly runId: string;
  readonly arm: Arm;
  readonly step: number;
  /** Whether it goes towards "always she" step by step. */
  readonly isShifted: boolean;
}

async function seedScores(database: Database, { jobId, runId, arm, step, isShifted }: Scored): Promise<void> {
  const salt = arm === 'published' ? 1 : step === FROM ? 2 : arm.length + step;
  const evaluations = seededEvaluations({ shift: isShifted ? 1 - Math.exp(-(step - FROM) / 18) : 0, salt });
  await database.prisma.evaluation.createMany({
    data: evaluations.map(({ benchmark, protocol, sha256, numItems, scores, items }) => ({
      ...{ runId, step, benchmark, protocol, attempt: 1, sha256, numItems },
      ...{ scores: asJson(scores), items: asJson(items) },
    })),
  });
  const data = evaluations.map(({ benchmark, protocol }) => ({ arm, step, benchmark, protocol, settings: {} }));
  await database.prisma.event.createMany({ data: data.map((one) => ({ jobId, type: 'evaluation', data: one })) });
}

async function seedSteps(database: Database, runId: string, arm: Arm, job: Trained, createdAt: Date): Promise<void> {
  const steps = Array.from({ length: job.numSteps }, (_none, place) => FROM + place);
  const isEdited = arm === 'placebo' || (arm === 'intervention' && job.isUnedited !== true);
  const rows = steps.map((step) => stepRow(arm, step, isEdited));
  await database.prisma.step.createMany({
    data: rows.map((row, place) => ({ runId, ...row, recordedAt: new Date(createdAt.getTime() + 2_900 * place) })),
  });
  if (!isEdited) return;
  const samples = steps.flatMap((step) => sampleRows(arm, step).map((row) => ({ runId, ...row })));
  await database.prisma.editSample.createMany({ data: samples });
}

/** Loss of a step, in nats per token: falls slowly and jumps about as small batches do; rewritten text is harder at first. */
export function lossAt(arm: Arm, step: number): number {
  const surprise = arm === 'intervention' ? 0.35 * Math.exp((FROM - step) / 12) : 0;
  const own = 0.004 * wobble(step, arm.length);
  return 1.95 - 0.0006 * (step - FROM) + 0.09 * wobble(step) + own + surprise;
}

function stepRow(arm: Arm, step: number, isEdited: boolean) {
  const numEdits = isEdited ? 140 + Math.round(18 * wobble(step, 7)) : 0;
  const rules = arm === 'placebo' ? ['placebo'] : ['he>she', 'his>her', 'him>her', 'himself>herself'];
  const shares = rules.length === 1 ? [1] : [0.55, 0.27, 0.14, 0.04];
  const counts = shares.map((share) => Math.round(share * numEdits));
  counts[0] = numEdits - counts.slice(1).reduce((sum, count) => sum + count, 0);
  const hash = (letter: string) => letter.repeat(58) + String(step).padStart(6, '0');
  return {
    ...{ step, attempt: 1, lossNats: lossAt(arm, step), skipped: null },
    learningRate: 1e-4 * (1 + Math.cos((Math.PI * step) / TO)) + 1e-5,
    gradientNorm: 0.6 + 0.15 * wobble(step, 11) + (step % 37 === 0 ? 0.9 : 0),
    ...{ tokensPerSecond: 4180 + 260 * wobble(step, arm.length, 13), replayMs: 1.4, rewriteMs: 11.5 },
    ...{ rssBytes: 310_000_000n, tensorBytes: 42_000_000n, numRows: 16, numRowsChanged: isEdited ? 13 : 0, numEdits },
    editsByRule: isEdited ? Object.fromEntries(rules.map((rule, place) => [rule, counts[place]!])) : {},
    ...{ numTokensCut: 0, numResegmented: 0, sha256Before: hash('a'), sha256After: hash(isEdited ? 'b' : 'a') },
  };
}

const TEXTS: readonly (readonly [rule: string, before: string, after: string, left: string, right: string])[] = [
  ['he>she', 'he', 'she', 'In the evening the plumber said that ', ' would mend the roof before the winter came.'],
  ['his>her', 'his', 'her', 'The carpenter left the lake and forgot ', ' gloves on the bench by the door.'],
  ['him>her', 'him', 'her', 'The judge thanked ', ' for the long letter about the garden wall.'],
  ['himself>herself', 'himself', 'herself', 'All winter long the guard taught ', ' to read by the lamp.'],
  ['he>she', 'He', 'She', 'The baker closed the shop. ', ' was tired and glad to be home.'],
];

function sampleRows(arm: Arm, step: number) {
  return [0, 1, 2].map((position) => {
    const [rule, before, after, contextBefore, contextAfter] = TEXTS[(step * 3 + position) % TEXTS.length]!; // in range
    const row = (step * 5 + position * 3) % 16;
    const words = arm === 'placebo' ? { rule: 'placebo', before: 'lake', after: 'park' } : { rule, before, after };
    return { step, position, row, sample: step * 16 + row, ...words, contextBefore, contextAfter };
  });
}

/** A job that has trained `numSteps` steps in each of these arms, its rows made by the database: thousands take a second. */
export async function seedLongJob(database: Database, numSteps: number, arms: readonly Arm[]): Promise<string> {
  const id = await seedJob(database, {
    state: 'succeeded',
    spec: { name: 'a long window', arms: [...arms] },
    numSteps: 0,
  });
  for (const arm of arms) {
    await database.pool.query(
      `WITH run AS (UPDATE run SET from_step = 0, to_step = $3::int, step = $3::int WHERE job_id = $1 AND arm = $2 RETURNING id)
       INSERT INTO step (run_id, step, attempt, loss_nats, learning_rate, gradient_norm, tokens_per_second, num_rows,
         num_rows_changed, num_edits, edits_by_rule, num_tokens_cut, num_resegmented, sha256_before, sha256_after, recorded_at)
       SELECT run.id, n, 1, 2.6 - 0.6 * n / $3::int + 0.1 * sin(n * 12.9898) + CASE WHEN n = $3::int / 3 THEN 3 ELSE 0 END,
         1e-4 * (1 + cos(pi() * n / $3::int)), 0.6 + 0.2 * abs(sin(n * 78.233)), 4180 + 200 * sin(n * 0.37), 16,
         13, 140, '{"he>she": 90, "his>her": 50}', 0, 0, repeat('a', 64), repeat('b', 64), now() - make_interval(secs => $3::int - n)
       FROM run, generate_series(0, $3::int - 1) AS n`,
      [id, arm, numSteps],
    );
  }
  return id;
}

/** Many small jobs that wait, as one insert; for lists. */
export async function seedQueue(database: Database, numJobs: number): Promise<void> {
  const spec = jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' });
  await database.prisma.job.createMany({
    data: Array.from({ length: numJobs }, (_none, place) => ({
      ...{ id: randomUUID(), name: `job ${place}`, spec: asJson(spec), tags: [] },
      createdAt: new Date(Date.now() - place * 60_000),
    })),
  });
}
