// Worker processes that are at work, and what operators ask of them. A worker renews its row with a beat, which tells it its order; all times are the database's.
// Leases of jobs do not depend on these rows (leases.ts).
import { NotFoundError } from '../errors.ts';
import type { Database } from './database.ts';
import { isUuid } from './jobs.ts';

/** hold: take no job until released; drain: end once the jobs in hand have ended. */
export const WORKER_ORDERS = ['hold', 'drain'] as const;
export type WorkerOrder = (typeof WORKER_ORDERS)[number];

export interface WorkerIdentity {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  /** As which it holds jobs. */
  readonly owners: readonly string[];
  /** What it may run at once. */
  readonly numSlots: number;
}

export interface WorkerView {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly numSlots: number;
  readonly order: WorkerOrder | null;
  readonly startedAt: Date;
  readonly beatAgeMs: number;
  readonly jobs: readonly {
    readonly id: string;
    readonly name: string;
    readonly attempt: number;
    readonly state: string;
  }[];
}

/** The row of a worker that has been silent for so long goes: it was killed. */
const FORGOTTEN = '1 hour';

/** Makes or renews the worker's row; answers what it was ordered. Throws TransientError. */
export async function beatWorker({ prisma }: Database, worker: WorkerIdentity): Promise<WorkerOrder | null> {
  const { id, host, pid, owners, numSlots } = worker;
  const [row] = await prisma.$queryRaw<{ order: WorkerOrder | null }[]>`
    INSERT INTO worker (id, host, pid, owners, num_slots) VALUES (${id}::uuid, ${host}, ${pid}, ${[...owners]}, ${numSlots})
    ON CONFLICT (id) DO UPDATE SET beat_at = clock_timestamp() RETURNING "order"`;
  return row!.order; // one is made or renewed
}

/** Removes the worker's row, and those of workers that are long silent. */
export async function forgetWorker({ prisma }: Database, id: string): Promise<void> {
  await prisma.$executeRaw`
    DELETE FROM worker WHERE id = ${id}::uuid OR beat_at < clock_timestamp() - ${FORGOTTEN}::interval`;
}

/** Every worker with a row, longest at work first. */
export async function listWorkers({ prisma }: Database): Promise<WorkerView[]> {
  return prisma.$queryRaw<WorkerView[]>`
    SELECT id::text, host, pid, num_slots AS "numSlots", "order", started_at AS "startedAt",
      greatest(0, extract(epoch FROM clock_timestamp() - beat_at) * 1000)::float8 AS "beatAgeMs",
      coalesce((SELECT json_agg(json_build_object('id', job.id, 'name', job.name, 'attempt', job.attempt, 'state', job.state) ORDER BY job.id)
        FROM job WHERE job.owner = ANY (worker.owners)), '[]') AS jobs
    FROM worker ORDER BY started_at, id`;
}

/** Orders a worker, or with null lets it go on. Throws NotFoundError. */
export async function orderWorker(database: Database, id: string, order: WorkerOrder | null): Promise<WorkerView> {
  const none = new NotFoundError(`there is no worker ${id}; GET /v1/workers lists them`);
  if (!isUuid(id)) throw none;
  const { count } = await database.prisma.worker.updateMany({ where: { id }, data: { order } });
  const worker = count === 0 ? undefined : (await listWorkers(database)).find((one) => one.id === id.toLowerCase());
  if (worker === undefined) throw none;
  return worker;
}
