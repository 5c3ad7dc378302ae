// Rows of jobs: submitting, reading, listing. Claims and leases are in leases.ts.
import { randomUUID } from 'node:crypto';
import { NotFoundError } from '../errors.ts';
import type { Arm, FailureReason, JobSpec, JobState } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { appendFirstEvents, asJson } from './events.ts';
import type { Attempt, Job, Prisma } from './generated/client.ts';
import { mostSlots } from './slots.ts';
import { readJobs, type StandingJob } from './standing-jobs.ts';

export const JOB_CHANNEL = 'tiresias_job';

/** A job with its runs and how it stands. */
export type JobWithRuns = StandingJob & {
  /** Why no worker can take it, in words; null where one can, or it is not queued. */
  readonly heldBy: string | null;
};

/** The checkpoint of another job's run that a fork starts from. */
export interface StartOfFork {
  readonly job: string;
  readonly arm: Arm;
  readonly step: number;
  /** Its folder, and what its manifest must be. */
  readonly path: string;
  readonly manifestSha256: string;
}

/** Whose token a job or a sweep was sent with. */
export interface Sender {
  readonly tokenId: string;
  readonly name: string;
}

export interface NewJob {
  readonly spec: JobSpec;
  /** Null where the server asks for no tokens. */
  readonly sender?: Sender | null;
  /** Shown in lists; default: the spec's name, else its model and direction. */
  readonly name?: string;
  readonly sweepId?: string;
  readonly sweepPoint?: Record<string, unknown>;
  readonly start?: StartOfFork;
  /** Attempts at most, preempted ones not counted; default 20. */
  readonly maxAttempts?: number;
}

/** Stores a queued job and wakes the workers. */
export async function createJob(database: Database, job: NewJob): Promise<JobWithRuns> {
  const ids = await database.transaction((transaction) => insertJobs(transaction, [job]));
  return getJob(database, ids[0]!); // one in, one out
}

/** Stores queued jobs inside `transaction`; they are claimed in this order. Returns their ids. */
export async function insertJobs(transaction: Transaction, jobs: readonly NewJob[]): Promise<string[]> {
  const data = jobs.map(({ spec, sender = null, name, sweepId, sweepPoint, start, maxAttempts }) => ({
    name: name ?? spec.name ?? `${spec.model} ${spec.intervention.direction}`,
    spec: asJson(spec),
    priority: spec.priority,
    numSlots: spec.training.slots,
    tags: [...spec.tags],
    ...senderColumns(sender),
    ...(start !== undefined && { start: asJson(start) }),
    ...(sweepId !== undefined && { sweepId }),
    ...(sweepPoint !== undefined && { sweepPoint: asJson(sweepPoint) }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  }));
  const rows = await transaction.job.createManyAndReturn({ data, select: { id: true } });
  const ids = rows.map((row) => row.id);
  await appendFirstEvents(transaction, ids);
  await notifyWorkers(transaction, ids[0] ?? '');
  return ids;
}

/** The sender as rows of jobs and sweeps hold it. */
export function senderColumns(sender: Sender | null): Pick<Job, 'submittedBy' | 'tokenId'> {
  return { submittedBy: sender?.name ?? null, tokenId: sender?.tokenId ?? null };
}

/** Wakes every waiting worker; `cancel:` before the id reaches the one that works on it. */
export async function notifyWorkers(transaction: Transaction, payload: string): Promise<void> {
  await transaction.$executeRaw`SELECT pg_notify(${JOB_CHANNEL}, ${payload})`;
}

/** The job with its runs. Throws NotFoundError. */
export async function getJob(database: Database, id: string): Promise<JobWithRuns> {
  const [job] = isUuid(id) ? await addHolds(database, await readJobs(database, [id])) : [];
  if (job === undefined) throw noJob(id);
  return job;
}

/** What is quickly read of a job, for whoever needs no more. Throws NotFoundError. */
export async function findJob(
  database: Database,
  id: string,
): Promise<Pick<Job, 'id' | 'name' | 'state' | 'progress'>> {
  const select = { id: true, name: true, state: true, progress: true } as const;
  const job = isUuid(id) ? await database.prisma.job.findUnique({ where: { id }, select }) : null;
  if (job === null) throw noJob(id);
  return job;
}

function noJob(id: string): NotFoundError {
  return new NotFoundError(`there is no job ${id}`);
}

/** All that is given must hold. */
export interface JobFilter {
  readonly state?: JobState | undefined;
  readonly reason?: FailureReason | undefined;
  readonly sweepId?: string | undefined;
  readonly tag?: string | undefined;
  /** Name of the token that they were sent with. */
  readonly submittedBy?: string | undefined;
  /** Part of the name, whatever its case. */
  readonly name?: string | undefined;
  readonly model?: string | undefined;
  readonly dataset?: string | undefined;
  readonly policy?: string | undefined;
  readonly direction?: string | undefined;
  /** The job whose run they were forked from. */
  readonly forkedFrom?: string | undefined;
  readonly createdAfter?: Date | undefined;
  readonly createdBefore?: Date | undefined;
  /** Archived jobs: left out, alone, or with the others; left out when not said. */
  readonly archived?: 'no' | 'only' | 'all' | undefined;
}

/** Orders of a list of jobs; within one priority, or one name, by age. */
export const JOB_ORDERS = ['newest', 'oldest', 'name', 'priority'] as const;
export type JobOrder = (typeof JOB_ORDERS)[number];

export interface JobQuery extends JobFilter {
  /** Default: newest. */
  readonly sort?: JobOrder | undefined;
  /** Jobs at most. */
  readonly limit: number;
  /** Id of the last job of the page before. */
  readonly cursor?: string | undefined;
}

/** One page of jobs; `nextCursor` is null on the last page. Throws NotFoundError for a cursor that is no job's. */
export async function listJobs(
  database: Database,
  query: JobQuery,
): Promise<{ jobs: JobWithRuns[]; nextCursor: string | null }> {
  const { sort = 'newest', cursor } = query;
  const found = await database.prisma.job.findMany({
    where: { AND: [...conditionsOf(query), ...(cursor ? [await afterCursor(database, sort, cursor)] : [])] },
    orderBy: ORDERS[sort],
    take: query.limit + 1,
    select: { id: true },
  });
  const page = found.slice(0, query.limit);
  const nextCursor = found.length > query.limit ? (page.at(-1)?.id ?? null) : null;
  const ids = page.map(({ id }) => id);
  return { jobs: await addHolds(database, await readJobs(database, ids)), nextCursor };
}

/** The ids begin with their time. */
const ORDERS = {
  newest: [{ id: 'desc' }],
  oldest: [{ id: 'asc' }],
  name: [{ name: 'asc' }, { id: 'desc' }],
  priority: [{ priority: 'desc' }, { id: 'desc' }],
} as const satisfies Record<JobOrder, Prisma.JobOrderByWithRelationInput[]>;

/** What comes after a job in an order. */
async function afterCursor(database: Database, sort: JobOrder, id: string): Promise<Prisma.JobWhereInput> {
  if (sort === 'newest') return { id: { lt: id } };
  if (sort === 'oldest') return { id: { gt: id } };
  const last = await database.prisma.job.findUnique({ where: { id }, select: { name: true, priority: true } });
  if (!last) throw new NotFoundError(`the cursor ${id} is no job`);
  const { name, priority } = last;
  return sort === 'name'
    ? { OR: [{ name: { gt: name } }, { name, id: { lt: id } }] }
    : { OR: [{ priority: { lt: priority } }, { priority, id: { lt: id } }] };
}

function conditionsOf(filter: JobFilter): Prisma.JobWhereInput[] {
  const { state, reason, sweepId, tag, submittedBy, name, forkedFrom, archived = 'no' } = filter;
  const { createdAfter, createdBefore } = filter;
  const inSpec = (path: string[], equals: string | undefined): Prisma.JobWhereInput[] =>
    equals === undefined ? [] : [{ spec: { path, equals } }];
  return [
    ...(state === undefined ? [] : [{ state }]),
    ...(reason === undefined ? [] : [{ reason }]),
    ...(sweepId === undefined ? [] : [{ sweepId }]),
    ...(tag === undefined ? [] : [{ tags: { has: tag } }]),
    ...(submittedBy === undefined ? [] : [{ submittedBy }]),
    ...(name === undefined ? [] : [{ name: { contains: escapeLike(name), mode: 'insensitive' as const } }]),
    ...inSpec(['model'], filter.model),
    ...inSpec(['dataset'], filter.dataset),
    ...inSpec(['intervention', 'policy'], filter.policy),
    ...inSpec(['intervention', 'direction'], filter.direction),
    ...(forkedFrom === undefined ? [] : [{ start: { path: ['job'], equals: forkedFrom } }]),
    ...(createdAfter === undefined ? [] : [{ createdAt: { gt: createdAfter } }]),
    ...(createdBefore === undefined ? [] : [{ createdAt: { lt: createdBefore } }]),
    ...(archived === 'all' ? [] : [{ archivedAt: archived === 'only' ? { not: null } : null }]),
  ];
}

// Prisma hands the text to LIKE, where these have a meaning of their own.
function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}

/** The attempts of a job, first to last. */
export async function listAttempts(database: Database, jobId: string): Promise<Omit<Attempt, 'jobId'>[]> {
  return database.prisma.attempt.findMany({ where: { jobId }, orderBy: { number: 'asc' }, omit: { jobId: true } });
}

/** Whether the text has the form of a row's id. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

/** A name that no other process of any host has: the owner of leases. */
export function newOwner(host: string, pid: number): string {
  return `${host}:${pid}:${randomUUID().slice(0, 8)}`;
}

async function addHolds(database: Database, jobs: readonly StandingJob[]): Promise<JobWithRuns[]> {
  const isBig = ({ state, numSlots }: StandingJob) => state === 'queued' && numSlots > 1; // one slot has every worker
  const most = jobs.some(isBig) ? await mostSlots(database) : 0;
  return jobs.map((job) => ({
    ...job,
    heldBy: isBig(job) && job.numSlots > most ? tooBig(job.numSlots, most) : null,
  }));
}

function tooBig(numSlots: number, most: number): string {
  const found = most === 0 ? 'no worker is at work' : `the largest worker at work has ${most}`;
  return `it needs ${numSlots} slots of one worker, and ${found}: start one with as many (TIRESIAS_SLOTS), or submit it with fewer`;
}
