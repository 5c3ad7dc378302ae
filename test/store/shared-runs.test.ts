// Every query that reads what a run has recorded must find it where it lies, also when it lies with another job's run.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packagePath } from '../../src/package-root.ts';

/** Who means the runs that a job trains itself: going on with one, the pace of training, whose checkpoints may be removed, what a sweep has spent, what a run has taken over. */
const OF_OWN_RUNS = [
  'leases.ts',
  'records.ts',
  'retention.ts',
  'speeds.ts',
  'standing-jobs.ts',
  'sweep-limits.ts',
  'vitals.ts',
];
/** Says where records lie. */
const PLACE = 'shared-runs.ts';

it('no reader takes a run by its own id or job where its records may be another run’s', () => {
  const folder = packagePath('src', 'store');
  const bypassing = readdirSync(folder)
    .filter((name) => name.endsWith('.ts') && name !== PLACE && !OF_OWN_RUNS.includes(name))
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n');
      const found = lines.filter((line) => /JOIN run ON run\.id = |run_id = run\.id\b|run: \{ jobId/.test(line));
      return found.map((line) => `${name}: ${line.trim()}`);
    });
  expect(bypassing).toEqual([]);
});

it('no reader looks for evaluations among those that the run, or the run it was taken from, has made alone: others may have made some', () => {
  const folder = packagePath('src', 'store');
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && name !== PLACE);
  const bypassing = files.flatMap((name) => {
    const lines = readFileSync(join(folder, name), 'utf8').split('\n');
    const found = lines.filter((line) => /(JOIN|FROM) evaluation\b|\bevaluation\.find/.test(line));
    return found.map((line) => `${name}: ${line.trim()}`);
  });
  expect(bypassing).toEqual(['vitals.ts: (SELECT count(*) FROM evaluation) AS evaluations,']); // of all runs
});
