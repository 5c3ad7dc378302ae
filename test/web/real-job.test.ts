// The view of a job on the real API, over rows of every state.
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { auditByAxe, screenshot, useRealPage } from '../support/real-page.ts';
import { seedJobs } from '../support/seeded-jobs.ts';
import { hasChromium } from './browser.ts';

const TABS = ['result', 'training', 'items', 'edits', 'timeline', 'files'];
let ids: Awaited<ReturnType<typeof seedJobs>>;
const real = useRealPage(async ({ service }) => {
  ids = await seedJobs(service.database);
});

/** Nothing is on its way any more: no part says that it loads, and every chart has been drawn. */
async function untilShown(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).waitFor();
  await page.waitForFunction(
    () =>
      !/Loading|connecting to/.test(document.querySelector('main')?.textContent ?? '') &&
      document.querySelectorAll('.plot').length === document.querySelectorAll('.plot canvas').length,
    undefined,
    { timeout: 60_000 },
  );
}

describe.skipIf(!hasChromium)('the view of a job on the real API', () => {
  it('has nothing for axe to complain about in any state', async () => {
    for (const [name, id] of Object.entries(ids)) {
      const { page, complaints } = await real.open(`#/jobs/${id}`);
      await untilShown(page);
      if (name === 'running' || name === 'failed') await screenshot(page, `job-${name}`);
      expect([name, await auditByAxe(page)]).toEqual([name, []]);
      expect(complaints).toEqual([]);
      await page.close();
    }
  }, 600_000);

  it('has nothing for axe to complain about in any tab, with something in it and without', async () => {
    const found: unknown[] = [];
    for (const name of ['succeeded', 'queued'] as const) {
      for (const tab of [...TABS, 'items&item=3']) {
        const { page, complaints } = await real.open(`#/jobs/${ids[name]}?tab=${tab}`);
        await untilShown(page);
        if (name === 'succeeded') await screenshot(page, `job-${tab.replace(/\W/g, '-')}`);
        await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => (fold.open = true)));
        found.push(...(await auditByAxe(page)).map((violation) => ({ name, tab, ...violation })));
        expect(complaints).toEqual([]);
        await page.close();
      }
    }
    expect(found).toEqual([]);
  }, 600_000);

  it('fits a phone without sideways scrolling, in every tab', async () => {
    for (const tab of [...TABS, 'items&item=3']) {
      const { page } = await real.open(`#/jobs/${ids.succeeded}?tab=${tab}`, { viewport: { width: 390, height: 844 } });
      await untilShown(page);
      await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => (fold.open = true)));
      expect([tab, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([tab, 390]);
      // A path that breaks at every letter would make a row of the whole screen.
      const rows = await page.locator('.figures tbody tr').evaluateAll((all) => all.map((row) => row.clientHeight));
      expect(Math.max(0, ...rows), tab).toBeLessThan(400);
      if (tab === 'training') await screenshot(page, 'job-training-phone');
      await page.close();
    }
  }, 600_000);
});
