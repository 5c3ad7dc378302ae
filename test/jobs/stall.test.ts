// A trainer of this machine that hangs: found by its silence, killed and started again.
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { localExecutor } from '../../jobs/executor/local.ts';
import { openAttempts } from '../support/attempts.ts';
import { testDatabase } from '../support/database.ts';
import { saveAndSay, step, trainer, trainers } from '../support/fake-trainer.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.mock('../../jobs/executor/local-process.ts', async () => (await import('../support/fake-trainer.ts')).executor);

const database = await testDatabase();
const home = mkdtempSync(join(tmpdir(), 'tiresias-stall-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));
beforeEach(async () => {
  trainers.length = 0;
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

const { store, begin } = openAttempts(database, home);

describe('a trainer that says nothing', () => {
  it(
    'is killed after the stall limit and started again from its newest checkpoint; one that speaks is left alone',
    { timeout: 90_000 },
    async () => {
      await store('silent', { arms: ['intervention'] });
      const { end } = await begin(2, localExecutor(2, 3_000));
      const silent = await trainer(0);
      silent.say(step(1330));
      saveAndSay(silent, 1331);
      const saidAtMs = performance.now();
      for (let i = 0; i < 3; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1_200));
        silent.say({ type: 'phase', phase: 'training' });
      }
      expect(silent.asked).toEqual([]);
      const next = await trainer(1);
      expect(performance.now() - saidAtMs).toBeGreaterThan(6_600 - 50); // timers may be early by some milliseconds
      expect(silent.asked).toEqual(['kill']);
      expect(next.task).toMatchObject({ isOwnCheckpoint: true });
      for (let at = 1331; at < 1334; at++) next.say(step(at));
      next.finish();
      expect(await end).toEqual({ outcome: 'succeeded' });
    },
  );

  it('fails the job by name when each one that is started says nothing', { timeout: 90_000 }, async () => {
    await store('silent', { arms: ['intervention'] });
    const { end } = await begin(2, localExecutor(2, 50));
    expect(await end).toMatchObject({ outcome: 'failed', reason: 'poison', message: expect.stringMatching(/said nothing for 0\.05 s/) as string }); // prettier-ignore
    expect(trainers).toHaveLength(5);
  });
});
