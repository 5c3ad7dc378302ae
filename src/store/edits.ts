// What the proof of intervention adds up to over the steps of a run, and the stored samples of its edits.
import { numPronounEdits, type Arm } from '../job-spec.ts';
import type { Database } from './database.ts';
import type { EditSample } from './generated/client.ts';
import { RECORDS_ID, runsByRecords } from './shared-runs.ts';

export interface EditTotals {
  readonly numEdits: number;
  readonly numRowsChanged: number;
  readonly numRows: number;
  /** Edits by rule id. */
  readonly byRule: Record<string, number>;
}

/** Where a page of samples ends: its last row. */
export interface EditPlace {
  readonly step: number;
  readonly position: number;
}

export interface EditQuery {
  readonly arm: Arm;
  readonly step?: number;
  readonly rule?: string;
  /** Samples at most. */
  readonly limit: number;
  readonly after?: EditPlace;
}

/** Edits of all recorded steps of an arm, those of nouns and names left out. */
export async function totalPronounEdits(database: Database, jobId: string, arm: Arm): Promise<number> {
  return numPronounEdits((await sumEdits(database, jobId, arm)).byRule);
}

/** The sums over all recorded steps of an arm, or over one step of it. */
export async function sumEdits(database: Database, jobId: string, arm: Arm, step?: number): Promise<EditTotals> {
  const runId = { in: [...(await runsByRecords(database, jobId, arm)).keys()] };
  const where = { runId, ...(step !== undefined && { step }) };
  const [{ _sum }, rules] = await Promise.all([
    database.prisma.step.aggregate({ where, _sum: { numEdits: true, numRowsChanged: true, numRows: true } }),
    database.prisma.$queryRaw<{ rule: string; total: number }[]>`
      SELECT rule.key AS rule, sum(rule.value::int)::float8 AS total
      FROM run JOIN step ON step.run_id = ${RECORDS_ID}, jsonb_each_text(step.edits_by_rule) AS rule
      WHERE run.job_id = ${jobId}::uuid AND run.arm = ${arm} AND (${step ?? null}::int IS NULL OR step.step = ${step ?? null}::int)
      GROUP BY rule.key ORDER BY total DESC, rule.key`,
  ]);
  return {
    numEdits: _sum.numEdits ?? 0,
    numRowsChanged: _sum.numRowsChanged ?? 0,
    numRows: _sum.numRows ?? 0,
    byRule: Object.fromEntries(rules.map(({ rule, total }) => [rule, total])),
  };
}

/** One page of stored samples in the order of steps; `next` is null on the last page. */
export async function listEdits(
  database: Database,
  jobId: string,
  { arm, step, rule, limit, after }: EditQuery,
): Promise<{ edits: Omit<EditSample, 'runId'>[]; next: EditPlace | null }> {
  const found = await database.prisma.editSample.findMany({
    where: {
      runId: { in: [...(await runsByRecords(database, jobId, arm)).keys()] },
      ...(step !== undefined && { step }),
      ...(rule !== undefined && { rule }),
      ...(after && { OR: [{ step: { gt: after.step } }, { step: after.step, position: { gt: after.position } }] }),
    },
    orderBy: [{ step: 'asc' }, { position: 'asc' }],
    take: limit + 1,
    omit: { runId: true },
  });
  const edits = found.slice(0, limit);
  const last = edits.at(-1);
  const next = found.length > limit && last ? { step: last.step, position: last.position } : null;
  return { edits, next };
}

/** Some of the stored samples in the order of steps, drawn by a seed: the same seed draws the same as long as no samples are added. */
export async function drawEdits(
  database: Database,
  jobId: string,
  { arm, step, rule, limit }: EditQuery,
  seed: number,
): Promise<Omit<EditSample, 'runId'>[]> {
  const rows = await database.query<Omit<EditSample, 'runId'>>(
    `SELECT * FROM (
       SELECT step, position, rule, "row", sample, before, after, context_before AS "contextBefore", context_after AS "contextAfter"
       FROM edit_sample JOIN (SELECT ${RECORDS_ID.sql} AS id FROM run WHERE job_id = $1 AND arm = $2) AS run ON run.id = run_id
       WHERE ($3::int IS NULL OR step = $3::int) AND ($4::text IS NULL OR rule = $4::text)
       ORDER BY md5(concat_ws(' ', $5::bigint, step, position)) LIMIT $6
     ) AS drawn ORDER BY step, position`,
    [jobId, arm, step ?? null, rule ?? null, seed, limit],
  );
  return rows;
}

export interface EditCounts {
  /** The first step of each point. */
  readonly step: readonly number[];
  /** Edits at each point by rule, the most frequent rule first. */
  readonly byRule: Readonly<Record<string, readonly number[]>>;
}

/** How often each rule was used over the steps of an arm, summed over `width` steps a point. */
export async function countEdits(
  database: Database,
  jobId: string,
  arm: Arm,
  { from, to }: { readonly from: number; readonly to: number },
  width: number,
): Promise<EditCounts> {
  const rows = await database.query<{ point: number; rule: string; total: number }>(
    `SELECT (step.step - $3::int) / $5::int AS point, rule.key AS rule, sum(rule.value::int)::float8 AS total
     FROM run JOIN step ON step.run_id = ${RECORDS_ID.sql}, jsonb_each_text(step.edits_by_rule) AS rule
     WHERE run.job_id = $1 AND run.arm = $2 AND step.step >= $3::int AND step.step < $4::int GROUP BY 1, 2`,
    [jobId, arm, from, to, width],
  );
  const numPoints = Math.ceil((to - from) / width);
  const counts = new Map<string, number[]>();
  for (const { point, rule, total } of rows) {
    const column = counts.get(rule) ?? Array<number>(numPoints).fill(0);
    column[point] = total;
    counts.set(rule, column);
  }
  const sum = (column: readonly number[]) => column.reduce((total, count) => total + count, 0);
  return {
    step: Array.from({ length: numPoints }, (_none, point) => from + point * width),
    byRule: Object.fromEntries([...counts].sort(([, a], [, b]) => sum(b) - sum(a))),
  };
}
