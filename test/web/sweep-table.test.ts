// The results of a sweep of as many jobs as one may have: how much of the table is drawn, and that all of it can be reached and searched.
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/web/json-pointer.ts';
import type { ResultRow } from '../../src/web/sweeps-api.ts';
import { hasChromium, useBench } from './browser.ts';
import { makeJob } from './fake-jobs.ts';

const bench = useBench();

const NUM_JOBS = 500;
const METRICS = ['proRate', 'logOdds', 'pctStereotype', 'likelihoodDiff'];
const MOST_ELEMENTS = 1_800;

const jobs = Array.from({ length: NUM_JOBS }, (_none, place) => {
  const sweepPoint: JsonObject = { 'intervention.probability': (place % 25) / 25, 'intervention.seed': 1_000 + place };
  return makeJob(place, 'succeeded', { name: `dose ${place}.` }, { sweepId: 's', sweepPoint });
});

function rowsOf(metric: string): ResultRow[] {
  const figure = { value: 0.5, standardError: null, interval: [0.4, 0.6] as const, numItems: 10 };
  const effect = { value: -0.1, interval: [-0.2, 0.1] as const, pValue: 0.5, pAdjusted: 0.9, family: '', test: '' };
  return jobs.map((job) => ({
    ...{ job: job.id, name: job.name, point: job.sweepPoint!, model: 'nano-1m', modelSeed: 1, step: 1430 }, // of a sweep
    ...{ benchmark: 'nano-winobias', protocol: 'likelihood', metric, published: null, publishedFigures: [] },
    ...{ control: figure, intervention: figure, effect: { ...effect, numItems: 10, note: null } },
  }));
}

async function openSweep(): Promise<Page> {
  const { page, api } = await bench.open([], '');
  const sweep = {
    ...{ id: 's', name: 'dose', state: 'active', message: null, maxParallel: null, budget: null, heldBy: null },
    ...{ axes: ['intervention.probability', 'intervention.seed'], used: { steps: 1, hours: 1 }, stop: null },
    ...{ settled: [], createdAt: new Date(0).toISOString(), numJobs: NUM_JOBS, jobsByState: { succeeded: NUM_JOBS } },
  };
  const results = { labels: [], axes: [], rows: METRICS.flatMap(rowsOf), doseResponse: [], replicates: [] };
  await page.route('**/v1/sweeps/s', (route) => route.fulfill({ json: { sweep, jobs } }));
  await page.route('**/v1/sweeps/s/results', (route) => route.fulfill({ json: results }));
  await page.goto(`${api.address}#/sweeps/s?columns=none`);
  await page.locator('table.results').scrollIntoViewIfNeeded();
  await page.locator('table.results tbody th').first().waitFor();
  return page;
}

describe.skipIf(!hasChromium)('the results of 500 jobs and four metrics, in Chromium', () => {
  it('draws the rows that are in view, and the others when one scrolls to them', async () => {
    const page = await openSweep();
    const table = page.getByRole('table', { name: 'Results by job' });
    const numElements = () => table.evaluate((element) => element.querySelectorAll('*').length);
    expect(await numElements()).toBeGreaterThan(100);
    expect(await numElements()).toBeLessThan(MOST_ELEMENTS);
    expect(await table.getAttribute('aria-rowcount')).toBe(String(NUM_JOBS + 1));
    const region = page.getByRole('region', { name: 'Results by job' });
    const last = table.getByRole('link', { name: `dose ${NUM_JOBS - 1}.`, exact: true });
    expect(await last.count()).toBe(0);
    await region.evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await last.waitFor();
    const [row, box] = [(await last.boundingBox())!, (await region.boundingBox())!]; // both are shown
    expect(row.y).toBeGreaterThan(box.y);
    expect(row.y + row.height).toBeLessThan(box.y + box.height + 1);
    const lastRow = table.locator('tbody tr[data-id]').last();
    expect(await lastRow.getAttribute('aria-rowindex')).toBe(String(NUM_JOBS + 1));
    expect(await numElements()).toBeLessThan(MOST_ELEMENTS);
    await region.evaluate((element) => element.scrollTo(0, 0));
    await table.getByRole('link', { name: 'dose 0.', exact: true }).waitFor();
  });

  it('finds rows that are not drawn, by name and by value, and downloads all of them whatever is found', async () => {
    const page = await openSweep();
    const section = page.locator('section[aria-labelledby=results]');
    const rows = section.locator('tbody th');
    await section.getByLabel('Find in the table').fill('DOSE 47.');
    await section.getByText('5 of 500 rows').waitFor(); // 47, 147, 247, 347 and 447
    expect(await rows.first().innerText()).toBe('dose 47.');
    await section.getByLabel('Find in the table').fill('1499');
    await section.getByText('1 of 500 rows').waitFor();
    expect(await rows.allInnerTexts()).toEqual(['dose 499.']);
    await section.getByLabel('Find in the table').fill('swap 1499');
    await section.getByText('No row has all of these words.').waitFor();
    await section.getByLabel('Find in the table').fill('');
    await section.getByText('500 rows', { exact: true }).waitFor();
    const csv = await section.getByRole('link', { name: 'CSV', exact: true }).getAttribute('href');
    expect(csv).toBe('v1/sweeps/s/results?format=csv'); // the server's own, of all jobs and figures
    await page.locator('main').focus();
    await page.keyboard.press('/');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('search');
  });
});
