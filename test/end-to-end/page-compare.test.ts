// The view of a comparison on the real API over seeded rows: figures, paired tests and what is downloaded are those that the API gives.
import { readFileSync } from 'node:fs';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/api/compare.ts';
import type { PairComparison } from '../../src/api/compare-pair.ts';
import { formatDifference, formatInterval, formatP, formatValue } from '../../src/web/format.ts';
import { describeMetric } from '../../src/web/metric-names.ts';
import { parseCsv } from '../support/csv.ts';
import { auditByAxe, screenshot, startRealPage, type RealPage } from '../support/real-page.ts';
import { seedThree } from '../support/seeded-comparison.ts';
import { hasChromium, plain } from '../web/browser.ts';

let real: RealPage;
let ids: readonly [all: string, half: string, tenth: string];
beforeAll(async () => {
  if (!hasChromium) return;
  real = await startRealPage();
  ids = await seedThree(real.service.database);
}, 240_000);
afterAll(async () => {
  if (hasChromium) await real.close();
});

async function textOf(download: Download): Promise<string> {
  return readFileSync(await download.path(), 'utf8');
}

async function downloadBy(page: Page, button: string, region: string): Promise<Download> {
  const waiting = page.waitForEvent('download');
  await page.locator(`section[aria-labelledby=${region}]`).getByRole('button', { name: button, exact: true }).click();
  return waiting;
}

describe.skipIf(!hasChromium)('the comparison on the real API, in Chromium', () => {
  const table = 'table.compare';

  it('is reached from nothing: jobs are found by name, ticked and kept in the address', async () => {
    const { page, complaints } = await real.open('#/compare');
    await page.getByText('No job is chosen').waitFor();
    await page.getByLabel('Search by name').fill('documents');
    await page.getByText('a tenth, few rows').waitFor({ state: 'detached' });
    await page.getByRole('checkbox', { name: /^all documents/ }).check();
    await page.getByRole('checkbox', { name: /^half of the documents/ }).check();
    await page.locator(table).waitFor();
    expect(new URLSearchParams(page.url().split('?')[1]).get('jobs')).toBe(`${ids[0]},${ids[1]}`);
    await page.reload();
    await page.locator(table).waitFor();
    expect(await page.getByRole('list', { name: 'Compared jobs' }).getByRole('listitem').count()).toBe(2);
    expect(complaints).toEqual([]);
    await page.close();
  }, 60_000);

  it('downloads as CSV what the table shows, cell by cell, and what the API answered', async () => {
    const { page, complaints } = await real.open(`#/compare?jobs=${ids.join(',')}&extent=halves`);
    await page.locator(table).waitFor();
    const csv = parseCsv(await textOf(await downloadBy(page, 'CSV', 'figures')));
    const shown = await page
      .locator(`${table} tbody tr:not(.group-row)`)
      .evaluateAll((rows) =>
        rows.map((row) => [...row.querySelectorAll('th, td')].map((cell) => (cell as HTMLElement).innerText)),
      );
    expect(csv.length).toBe(shown.length);
    expect(csv.length).toBeGreaterThan(60);
    const comparison = await real.service.get<Comparison>(`/compare?jobs=${ids.join(',')}`);
    let numEffects = 0;
    csv.forEach((row, place) => {
      const { unit } = describeMetric(row['metric']!);
      const interval = (low: string, high: string) =>
        formatInterval(row[low] === '' ? null : [Number(row[low]), Number(row[high])], unit);
      const hasEffect = row['effect'] !== '';
      const words = [
        `${row['letter']} ${row['name']}${row['isBaseline'] === 'true' ? 'baseline' : ''}`,
        row['arm'],
        Number(row['step']).toLocaleString('en-US'),
        formatValue(Number(row['value']), unit),
        interval('low', 'high'),
        row['numItems'],
        hasEffect ? formatDifference(Number(row['effect']), unit) : '',
        hasEffect ? interval('effectLow', 'effectHigh') : '',
        hasEffect ? formatP(Number(row['pValue'])) : '',
        hasEffect ? formatP(Number(row['pAdjusted'])) : '',
      ];
      expect(shown[place]!.slice(0, 10).map(plain)).toEqual(words.map((word) => plain(word ?? '')));
      const metric = comparison.metrics.find(
        (one) => one.benchmark === row['benchmark'] && one.metric === row['metric'],
      );
      const job = metric?.jobs.find(({ id }) => id === row['job']);
      const score = job?.scores[row['arm'] as 'control'];
      expect([score?.value, score?.interval?.[0], score?.interval?.[1], score?.numItems].map(String)).toEqual([
        ...[row['value'], row['low'], row['high'], row['numItems']],
      ]);
      if (!hasEffect) return;
      numEffects += 1;
      expect(
        [job?.effect?.value, job?.effect?.pValue, job?.effect?.pAdjusted, job?.effect?.family].map(String),
      ).toEqual([...[row['effect'], row['pValue'], row['pAdjusted'], row['family']]]);
      expect(row['pScope']).toBe('for these two trained models');
    });
    expect(numEffects).toBeGreaterThan(20);
    expect(complaints).toEqual([]);
    await page.close();
  }, 120_000);
});
