import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, startBench, plain, type Bench } from './browser.ts';
import { makeJob, makeRunningJob, makeScores, TO } from './fake-jobs.ts';

let bench: Bench;
beforeAll(async () => {
  if (hasChromium) bench = await startBench();
}, 60_000);
afterAll(async () => {
  if (hasChromium) await bench.close();
});

describe.skipIf(!hasChromium)('the list of jobs, in Chromium', () => {
  it('shows the newest first, with state, progress, and the effect where there is one', async () => {
    const [running, done, failed] = [
      makeRunningJob(0, 46),
      makeJob(1, 'succeeded', {}),
      makeJob(2, 'failed', {}, { reason: 'no-edits' }),
    ];
    const { page, api, complaints } = await bench.open([running, done, failed], '');
    api.state.scores.set(done.id, makeScores(TO));
    await page.reload();
    await page.getByText('−47.5 points').waitFor();
    const rows = await page.locator('tbody tr').allInnerTexts();
    expect(plain(rows[0] ?? '')).toMatch(
      /^half of the documents ▶ running 44 % · 2 min 27 s left nano-1m steps 1,330 to 1,430/,
    );
    expect(plain(rows[1] ?? '')).toContain('−47.5 points [−51.0, −44.0] n = 240, nano-winobias shifted, not debiased');
    expect(plain(rows[2] ?? '')).toContain('failed No pronoun was changed');
    expect(await page.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('44');
    expect(complaints).toEqual([]);
  });

  it('says what to do when there are no jobs', async () => {
    const { page } = await bench.open([], '');
    await page.getByText('No jobs yet').waitFor();
    await page.getByRole('link', { name: 'Start the first job' }).click();
    await page.getByRole('heading', { name: 'New job' }).waitFor();
  });

  it('takes in a new job without losing the place of the reader', async () => {
    const jobs = Array.from({ length: 40 }, (_none, place) => makeJob(place, 'succeeded', { name: `job-${place}` }));
    const { page, api } = await bench.open(jobs, '');
    await page.getByRole('button', { name: 'Show older jobs' }).click();
    const old = page.getByRole('link', { name: 'job-35' });
    await old.focus();
    const before = await old.boundingBox();
    api.state.jobs = [makeJob(-1, 'queued', { name: 'brand-new' }), ...jobs];
    await page.getByRole('link', { name: 'brand-new' }).waitFor();
    expect(await old.evaluate((link) => link === document.activeElement)).toBe(true);
    expect(await page.locator('tbody tr').count()).toBe(41);
    expect(Math.abs(((await old.boundingBox())?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(2);
  });

  it('keeps the list when the server stops answering, and says so', async () => {
    const { page, api } = await bench.open([makeJob(0, 'succeeded', { name: 'kept' })], '');
    await page.getByRole('link', { name: 'kept' }).waitFor();
    api.state.isDown = true;
    await page.getByRole('alert').getByText('The database does not answer').waitFor();
    expect(await page.getByRole('link', { name: 'kept' }).isVisible()).toBe(true);
    api.state.isDown = false;
    await page.getByRole('alert').waitFor({ state: 'detached' });
  });

  it('keeps the chosen state in the address', async () => {
    const { page } = await bench.open(
      [makeJob(0, 'succeeded', { name: 'good' }), makeJob(1, 'failed', { name: 'bad' })],
      '',
    );
    await page.getByRole('link', { name: 'failed', exact: true }).click();
    await page.getByRole('link', { name: 'good' }).waitFor({ state: 'detached' });
    expect(page.url()).toContain('#/?state=failed');
    await page.reload();
    await page.getByRole('link', { name: 'bad' }).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(1);
  });
});
