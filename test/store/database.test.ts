import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { TransientError } from '../../src/errors.ts';
import { readThinned } from '../../src/store/curves.ts';
import { openDatabase } from '../../src/store/database.ts';
import { countEdits, drawEdits } from '../../src/store/edits.ts';
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';
import { listScoredSteps } from '../../src/store/items.ts';
import { createJob, getJob, listJobs } from '../../src/store/jobs.ts';
import { migrate } from '../../src/store/migrate.ts';
import { listEvaluations, readItems, readLosses, readMetricTexts } from '../../src/store/results.ts';
import { someSpec } from '../support/jobs.ts';

const folder = mkdtempSync(join(tmpdir(), 'tiresias-database-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('says of every reading that it may be tried again when the database has gone away', async () => {
  const postgres = await startEmbeddedPostgres({ folder });
  await migrate(postgres.url);
  const database = await openDatabase(postgres.url);
  const { id } = await createJob(database, { spec: someSpec() });
  const range = { from: 0, to: 10 };
  const place = { benchmark: 'winobias', protocol: 'likelihood', settings: {} };
  const readings = {
    getJob: () => getJob(database, id),
    listJobs: () => listJobs(database, { limit: 10 }),
    readMetricTexts: () => readMetricTexts(database, id),
    readThinned: () => readThinned(database, id, range, 1),
    readLosses: () => readLosses(database, id),
    countEdits: () => countEdits(database, id, 'control', range, 1),
    drawEdits: () => drawEdits(database, id, { arm: 'control', limit: 1 }, 1),
    listEvaluations: () => listEvaluations(database, id),
    listScoredSteps: () => listScoredSteps(database, id, place),
    readItems: () => readItems(database, id, { ...place, arm: 'control', step: 1 }),
  };
  for (const reading of Object.values(readings)) await reading();
  await postgres.stop();
  for (const [name, reading] of Object.entries(readings))
    await expect(reading(), name).rejects.toBeInstanceOf(TransientError);
  await database.close();
});
