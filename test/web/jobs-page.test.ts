import { describe, expect, it } from 'vitest';
import { hasChromium, useBench, plain } from './browser.ts';
import { makeJob, makeRunningJob, makeScores, TO } from './fake-jobs.ts';

const bench = useBench();

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
    const rows = await page.locator('tbody tr[data-id]').allInnerTexts();
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
    await page.getByText('41 jobs, that is all').waitFor();
    expect(await old.evaluate((link) => link === document.activeElement)).toBe(true);
    expect(Math.abs(((await old.boundingBox())?.y ?? 0) - (before?.y ?? 0))).toBeLessThan(2);
    await page.evaluate(() => scrollTo(0, 0));
    await page.getByRole('link', { name: 'brand-new' }).waitFor();
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
    expect(await page.locator('tbody tr[data-id]').count()).toBe(1);
  });

  it('narrows and orders the list, all in the address, and gives it back on reload', async () => {
    const jobs = [
      makeJob(0, 'succeeded', { name: 'beta one' }, { tags: ['paper'] }),
      makeJob(1, 'succeeded', { name: 'alpha one' }, { tags: ['paper', 'nano'] }),
      makeJob(2, 'succeeded', { name: 'alpha two' }),
    ];
    const { page } = await bench.open(jobs, '');
    const names = () => page.locator('tbody th a').allInnerTexts();
    await page.getByLabel('Order').selectOption('by name');
    await expect.poll(names).toEqual(['alpha one', 'alpha two', 'beta one']);
    await page.keyboard.press('Escape');
    await page.locator('main').focus();
    await page.keyboard.press('/');
    await page.keyboard.type('one');
    await expect.poll(names).toEqual(['alpha one', 'beta one']);
    await page.getByLabel('Tag', { exact: true }).fill('nano');
    await expect.poll(names).toEqual(['alpha one']);
    await page.reload();
    await expect.poll(names).toEqual(['alpha one']);
    expect(await page.getByRole('searchbox', { name: 'Search' }).inputValue()).toBe('one');
    await page.getByRole('searchbox', { name: 'Search' }).fill('nothing');
    await page.getByRole('link', { name: 'Show all jobs' }).click();
    await expect.poll(names).toHaveLength(3);
    expect(await page.getByRole('searchbox', { name: 'Search' }).inputValue()).toBe('');
  });

  it('narrows the list to one sender, where the server knows senders', async () => {
    const jobs = [
      makeJob(0, 'succeeded', { name: 'hers' }, { submittedBy: { name: 'anna' } }),
      makeJob(1, 'succeeded', { name: 'his' }, { submittedBy: { name: 'ben' } }),
    ];
    const { page } = await bench.open(jobs, '');
    await page.getByLabel('Sent by').fill('anna');
    await expect.poll(() => page.locator('tbody th a').allInnerTexts()).toEqual(['hers']);
    expect(page.url()).toContain('submittedBy=anna');
    await page.getByRole('link', { name: 'hers' }).click();
    await page.locator('dl.facts').getByText('anna').waitFor();
    const other = await bench.open([makeJob(0, 'succeeded', { name: 'nobody’s' })], '');
    await other.page.getByRole('link', { name: 'nobody’s' }).waitFor();
    expect(await other.page.getByLabel('Sent by').count()).toBe(0);
  });

  it('shows the columns that are asked for', async () => {
    const { page } = await bench.open([makeJob(0, 'succeeded', { name: 'one' }, { tags: ['paper'] })], '');
    await page.getByText('Columns').click();
    await page.getByRole('checkbox', { name: 'Tags' }).check();
    await page.getByRole('checkbox', { name: 'Rewriting' }).uncheck();
    expect((await page.locator('thead th').allInnerTexts()).map((title) => title.trim())).toEqual([
      ...['', 'Job', 'State', 'Model and window', 'Effect, pro-stereotype rate', 'Tags', 'Submitted'],
    ]);
    await page.getByRole('button', { name: 'paper' }).click();
    await page.waitForURL(/tag=paper/);
    expect(page.url()).toContain('columns=state%2Cmodel%2Ceffect%2Ctags%2Csubmitted');
  });

  it('chooses jobs by the keyboard, links their comparison, tags and archives them, and says what was refused', async () => {
    const jobs = [
      makeJob(0, 'running', { name: 'at work' }),
      makeJob(1, 'succeeded', { name: 'done' }, { tags: ['old'] }),
      makeJob(2, 'failed', { name: 'broken' }),
    ];
    const { page, api } = await bench.open(jobs, '');
    await page.getByLabel('Choose at work').focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    const chosen = page.getByRole('region', { name: 'Chosen jobs' });
    await chosen.getByText('2 chosen').waitFor();
    const both = `${jobs[0]!.id},${jobs[1]!.id}`; // three jobs
    expect(await chosen.getByRole('link', { name: 'Compare' }).getAttribute('href')).toBe(
      `#/compare?jobs=${encodeURIComponent(both)}`,
    );
    await chosen.getByLabel('Tag').fill('new');
    await chosen.getByLabel('Tag').press('Enter');
    await chosen.getByText('Tagged new: 2 of 2.').waitFor();
    expect(api.state.jobs.map(({ tags = [] }) => tags)).toEqual([['new'], ['old', 'new'], []]);
    await chosen.getByRole('button', { name: 'Archive' }).click();
    await chosen.getByText('Archived: 1 of 2. job at work is running').waitFor();
    await page.getByRole('link', { name: 'done' }).waitFor({ state: 'detached' });
    await page.getByLabel('Archived').selectOption('alone');
    await page.getByRole('link', { name: 'done' }).waitFor();
    await page.reload();
    await chosen.getByText('2 chosen').waitFor();
    await chosen.getByRole('button', { name: 'Choose none' }).click();
    expect(page.url()).not.toContain('chosen');
  });

  it('draws the rows in view alone, and keeps the one that has the focus', async () => {
    const jobs = Array.from({ length: 150 }, (_none, place) => makeJob(place, 'failed', { name: `job-${place}` }));
    const { page } = await bench.open(jobs, '');
    for (let numMore = 0; numMore < 4; numMore += 1) {
      await page.getByRole('button', { name: 'Show older jobs' }).click();
      await page.getByText(`${60 + 30 * numMore} jobs`).waitFor();
    }
    await page.getByText('150 jobs, that is all').waitFor();
    const drawn = () => page.locator('tbody tr[data-id]').count();
    expect(await drawn()).toBeLessThan(70);
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.getByRole('link', { name: 'job-149', exact: true }).focus();
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight * 0.55));
    await page.getByRole('link', { name: 'job-85', exact: true }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('job-149');
    expect(Math.abs((await page.evaluate(() => document.documentElement.scrollHeight)) - height)).toBeLessThan(
      height / 50,
    );
    const places = await page.locator('tbody tr[data-id]').evaluateAll((rows) => rows.map((row) => row.ariaRowIndex));
    const first = Number(places[0]);
    expect(places).toEqual(places.map((_place, i) => String(first + i)));
  });
});
