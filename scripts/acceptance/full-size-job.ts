// A finished job as large as those on the official sets: made by the database of a small one that really ran, so that its rows are as a worker writes them.
import { randomUUID } from 'node:crypto';
import type { Database } from '../../src/store/database.ts';

export const FULL_SIZE = { numSteps: 10_000, numEvaluated: 10, numItems: 1_584, lastStep: 143_000 } as const;

/** Copies the job: its arms with 10,000 steps and ten evaluations of as many items as WinoBias has of one type. Returns the copy's id. */
export async function fullSizeJob({ pool }: Database, jobId: string): Promise<string> {
  const id = randomUUID();
  const { numSteps, numEvaluated, numItems, lastStep } = FULL_SIZE;
  await pool.query(
    `INSERT INTO job SELECT (jsonb_populate_record(j, jsonb_build_object('id', $2::text, 'name', 'of full size'))).* FROM job AS j WHERE id = $1`,
    [jobId, id],
  );
  await pool.query(
    `INSERT INTO run (id, job_id, arm, state, from_step, to_step, step)
     SELECT gen_random_uuid(), $2, arm, state, $4::int - $3::int, $4, $4 FROM run WHERE job_id = $1 AND arm <> 'published'`,
    [jobId, id, numSteps, lastStep],
  );
  const pairs = 'run AS new JOIN run AS old ON old.arm = new.arm AND old.job_id = $1';
  await pool.query(
    `INSERT INTO step SELECT (jsonb_populate_record(s, jsonb_build_object('run_id', new.id, 'step', n))).*
     FROM ${pairs} JOIN step AS s ON s.run_id = old.id AND s.step = old.from_step, generate_series(new.from_step, new.to_step - 1) AS n
     WHERE new.job_id = $2`,
    [jobId, id],
  );
  await pool.query(
    `INSERT INTO edit_sample SELECT (jsonb_populate_record(e, jsonb_build_object('run_id', new.id, 'step', n))).*
     FROM ${pairs} JOIN edit_sample AS e ON e.run_id = old.id AND e.step = old.from_step,
       generate_series(new.from_step, new.to_step - 1, 100) AS n
     WHERE new.job_id = $2`,
    [jobId, id],
  );
  await pool.query(
    `INSERT INTO evaluation SELECT (jsonb_populate_record(e, jsonb_build_object('run_id', new.id, 'step', new.to_step - n * 1000,
       'num_items', $3::int, 'items', full_size.items))).*
     FROM ${pairs} JOIN evaluation AS e ON e.run_id = old.id AND e.step = old.to_step AND e.benchmark LIKE 'nano-%',
       LATERAL (SELECT jsonb_agg(item || jsonb_build_object('index', i) ORDER BY i) AS items
         FROM jsonb_array_elements(e.items) WITH ORDINALITY AS one (item, place)
         JOIN generate_series(0, $3::int - 1) AS i ON i % jsonb_array_length(e.items) = place - 1) AS full_size,
       generate_series(0, $4::int - 1) AS n
     WHERE new.job_id = $2`,
    [jobId, id, numItems, numEvaluated],
  );
  await pool.query('ANALYZE');
  return id;
}
