// The view of a job on the real API, over rows of every state.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditByAxe, screenshot, startRealPage, type RealPage } from '../support/real-page.ts';
import { seedJobs } from '../support/seeded-jobs.ts';
import { hasChromium } from './browser.ts';

let real: RealPage;
let ids: Awaited<ReturnType<typeof seedJobs>>;
beforeAll(async () => {
  if (!hasChromium) return;
  real = await startRealPage();
  ids = await seedJobs(real.service.database);
}, 240_000);
afterAll(async () => {
  if (hasChromium) await real.close();
});

describe.skipIf(!hasChromium)('the view of a job on the real API', () => {
  it('has nothing for axe to complain about in any state', async () => {
    for (const [name, id] of Object.entries(ids)) {
      const { page, complaints } = await real.open(`#/jobs/${id}`);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await page.waitForTimeout(1000);
      await screenshot(page, `job-${name}`);
      expect([name, await auditByAxe(page)]).toEqual([name, []]);
      expect(complaints).toEqual([]);
      await page.close();
    }
  }, 240_000);
});
