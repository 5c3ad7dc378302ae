// A job of 10,000 steps in three arms, on the real API: what is sent and drawn stays small, whatever was recorded. Its strict times are a trial
// (`npm run acceptance -- pageSpeed`), because this machine may do other things beside the tests.
import { describe, expect, it } from 'vitest';
import { watchTasks, openedAfter } from '../support/page-timing.ts';
import { useRealPage } from '../support/real-page.ts';
import { seedLongJob } from '../support/seeded-jobs.ts';
import { hasChromium } from './browser.ts';

const NUM_STEPS = 10_000;
const NUM_CHARTS = 5;
/** Thirty times the trial's. */
const GENEROUS_MS = 30_000;

let id = '';
const real = useRealPage(async ({ service }) => {
  id = await seedLongJob(service.database, NUM_STEPS, ['control', 'intervention', 'placebo']);
});

describe.skipIf(!hasChromium)('the view of a job with 30,000 recorded steps', () => {
  it('is sent a few hundred points an arm with the extremes between them, and draws them in a small document', async () => {
    const { page, complaints } = await real.open('');
    await watchTasks(page);
    const sent: {
      arms: Record<string, { step: number[] }>;
      extremes: Record<string, { lossNats: { max: number[] } }>;
    }[] = [];
    page.on('response', (response) => {
      if (response.url().includes('/metrics')) void response.json().then((body) => sent.push(body as never)); // of that shape
    });
    await page.goto('about:blank');
    await page.goto(`${real.service.url}/#/jobs/${id}?tab=training`);
    const timing = await openedAfter(page, '.figure-plot canvas', NUM_CHARTS);
    console.log(
      `10,000 × 3 steps: opened after ${timing.openedMs.toFixed(0)} ms, long tasks ${JSON.stringify(timing.longTasksMs)}`,
    );
    expect(sent).toHaveLength(1);
    for (const arm of ['control', 'intervention', 'placebo']) {
      expect(sent[0]!.arms[arm]!.step.length).toBeGreaterThan(300);
      expect(sent[0]!.arms[arm]!.step.length).toBeLessThanOrEqual(600);
      expect(Math.max(...sent[0]!.extremes[arm]!.lossNats.max)).toBeGreaterThan(5); // the one spike
    }
    expect(timing.numElements).toBeLessThan(700);
    expect(timing.openedMs).toBeLessThan(GENEROUS_MS);
    expect(complaints).toEqual([]);
  }, 120_000);

  it('asks for every step of the part in sight, shows it also as a table, and keeps it in the address', async () => {
    const { page } = await real.open(`#/jobs/${id}?tab=training`);
    await openedAfter(page, '.figure-plot canvas', NUM_CHARTS);
    await page.getByText('Each point is the mean of 17 steps').waitFor();
    await page.getByLabel('Steps from').fill('3300');
    await page.getByLabel('to', { exact: true }).fill('3350');
    await page.getByRole('button', { name: 'Look' }).click();
    await page.getByText('Every recorded step is drawn.').waitFor();
    expect(page.url()).toContain('zoom=3300%7E3350');
    await page.getByRole('button', { name: 'Loss (nats per token) as a table' }).click();
    const spike = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: '3,333', exact: true }) });
    await spike.waitFor();
    const { arms } = await real.service.get<{ arms: Record<string, { lossNats: number[] }> }>(
      `/jobs/${id}/metrics?from=3333&to=3334`,
    );
    expect(await spike.getByRole('cell').first().innerText()).toBe(arms['control']!.lossNats[0]!.toFixed(3));
    await page.reload();
    await spike.waitFor();
    await page.getByRole('button', { name: 'Show all' }).click();
    await page.getByText('Each point is the mean of 17 steps').waitFor();
    expect(page.url()).not.toContain('zoom');
  }, 120_000);

  it('zooms to what is drawn out with the mouse, and back by a double click', async () => {
    const { page } = await real.open(`#/jobs/${id}?tab=training`);
    await openedAfter(page, '.figure-plot canvas', NUM_CHARTS);
    const plot = page.locator('.u-over').first();
    await plot.scrollIntoViewIfNeeded();
    const box = (await plot.boundingBox())!; // it is in sight
    await page.mouse.move(box.x + 0.5 * box.width, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.52 * box.width, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await page.getByText('Every recorded step is drawn.').waitFor();
    const [, from, to] = /zoom=(\d+)%7E(\d+)/.exec(page.url()) ?? [];
    expect(Math.abs(Number(from) - 5000)).toBeLessThan(60);
    expect(Math.abs(Number(to) - 5200)).toBeLessThan(60);
    await page.locator('.u-over').first().dblclick();
    await page.getByText('Each point is the mean of 17 steps').waitFor();
  }, 120_000);
});
