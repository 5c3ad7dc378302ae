import { describe, expect, it } from 'vitest';
import { hasChromium, useBench } from './browser.ts';
import { makeJob } from './fake-jobs.ts';

const bench = useBench();

const JOBS = [makeJob(0, 'succeeded', { name: 'all documents' }), makeJob(1, 'succeeded', { name: 'half of them' })];

describe.skipIf(!hasChromium)('choosing jobs to compare, in Chromium', () => {
  it('keeps the list that was found while another search is on its way, and says that it is old', async () => {
    const { page, complaints } = await bench.open(JOBS, '#/compare');
    const list = page.getByRole('list', { name: 'Jobs found' });
    await list.getByText('half of them').waitFor();
    let answer = () => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    await page.route('**/v1/jobs?*name=all*', async (route) => {
      await held;
      await route.continue();
    });
    const asked = page.waitForRequest('**/v1/jobs?*name=all*');
    await page.getByLabel('Search by name').fill('all');
    expect(await list.getAttribute('aria-busy')).toBe('true');
    await asked;
    expect(await list.getAttribute('aria-busy')).toBe('true');
    expect(await list.getByRole('listitem').count()).toBe(2);
    expect(await page.getByText('2 jobs found').count()).toBe(0); // of another search
    await list.getByRole('checkbox', { name: /^half of them/ }).check(); // it can be used meanwhile
    answer();
    await page.getByText('1 job found').waitFor();
    expect(await list.getAttribute('aria-busy')).toBe('false');
    expect(await list.getByRole('listitem').count()).toBe(1);
    expect(complaints.filter((words) => !words.includes('404'))).toEqual([]); // the stand-in compares nothing
  });

  it('says so when a search is refused, and keeps the list', async () => {
    const { page } = await bench.open(JOBS, '#/compare');
    const list = page.getByRole('list', { name: 'Jobs found' });
    await list.getByText('half of them').waitFor();
    await page.route('**/v1/jobs?*name=all*', (route) =>
      route.fulfill({ status: 503, json: { detail: 'the database is not available; try again soon' } }),
    );
    await page.getByLabel('Search by name').fill('all');
    await page.getByRole('alert').getByText('the database is not available').waitFor();
    expect(await list.getByRole('listitem').count()).toBe(2);
    expect(await list.getAttribute('aria-busy')).toBe('false'); // nothing more will come
    expect(await list.getAttribute('class')).toContain('is-old');
  });

  it('searches again when the server that did not answer is back', async () => {
    const { page } = await bench.open(JOBS, '#/compare');
    await page.getByText('2 jobs found').waitFor();
    await page.route('**/{v1,healthz}{,/**}', (route) => route.abort('connectionrefused'));
    await page.getByLabel('Search by name').fill('all');
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    await page.unroute('**/{v1,healthz}{,/**}');
    await page.getByText('1 job found').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('is reached by / when it is folded', async () => {
    const { page } = await bench.open(JOBS, `#/compare?jobs=${JOBS[0]!.id}`);
    const search = page.getByLabel('Search by name');
    await page.getByText('Add or remove jobs').waitFor();
    expect(await search.isVisible()).toBe(false);
    await page.keyboard.press('/');
    await search.waitFor();
    await page.keyboard.type('half');
    expect(await search.inputValue()).toBe('half');
    await page.getByText('1 job found').waitFor();
  });
});
