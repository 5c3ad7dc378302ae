// The view of a comparison on the real API over seeded rows: figures, paired tests and what is downloaded are those that the API gives.
import { readFileSync } from 'node:fs';
import type { Download, Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Comparison } from '../../src/api/compare.ts';
import type { PairComparison } from '../../src/api/compare-pair.ts';
import { formatDifference, formatInterval, formatP, formatValue } from '../../src/web/format.ts';
import { describeMetric } from '../../src/web/metric-names.ts';
import type { SweepResults } from '../../src/api/sweep-results.ts';
import { parseCsv } from '../support/csv.ts';
import { auditByAxe, screenshot, useRealPage } from '../support/real-page.ts';
import { seedSweep, seedThree } from '../support/seeded-comparison.ts';
import { hasChromium, plain } from '../web/browser.ts';

let ids: readonly [all: string, half: string, tenth: string];
const real = useRealPage(async ({ service }) => {
  ids = await seedThree(service.database);
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

  it('tests any two arms item by item with the p that the API gives, and against a pinned baseline', async () => {
    const [a, b] = [`${ids[1]}:intervention`, `${ids[2]}:control`];
    const { page, complaints } = await real.open(`#/compare?jobs=${ids.join(',')}&a=${a}&b=${b}`);
    const rows = page.locator('table.pair tbody tr');
    await rows.first().waitFor();
    const { effects } = await real.service.get<PairComparison>(`/compare/pair?a=${a}&b=${b}`);
    const shown = new Map(
      (await rows.allInnerTexts()).map((text) => [text.split('\t')[0]!, text.split('\t').map(plain)]),
    );
    const rate = effects.find(({ benchmark, metric }) => benchmark === 'nano-winobias' && metric === 'proRate')!; // both scored it
    expect(shown.get('Pro-stereotype rate (nano-winobias, likelihood)')?.slice(1, 5)).toEqual(
      [
        formatDifference(rate.value, 'rate'),
        formatInterval(rate.interval, 'rate'),
        ...[formatP(rate.pValue), formatP(rate.pAdjusted)],
      ].map(plain),
    );
    const csv = parseCsv(await textOf(await downloadBy(page, 'CSV', 'pair')));
    for (const row of csv) {
      const effect = effects.find(
        ({ benchmark, metric }) => benchmark === row['benchmark'] && metric === row['metric'],
      );
      expect([effect?.value, effect?.pValue, effect?.pAdjusted].map(String)).toEqual([
        ...[row['difference'], row['pValue'], row['pAdjusted']],
      ]);
    }
    expect(csv.length).toBe(shown.size);
    await page.getByText('reduced batch').first().waitFor();

    await page.getByRole('combobox', { name: /^Pinned baseline/ }).selectOption(b);
    await page.getByRole('combobox', { name: /^Effects/ }).selectOption('baseline');
    const line = page.locator('tbody[data-metric="nano-winobias/likelihood/proRate"] tr', {
      hasText: 'B half of the documents',
    });
    const words = plain(formatDifference(rate.value, 'rate'));
    await page.waitForFunction(
      ([text]) =>
        document
          .querySelector('tbody[data-metric="nano-winobias/likelihood/proRate"]')
          ?.textContent.replaceAll(/\s/g, ' ')
          .includes(text!),
      [words],
    );
    expect(plain((await line.allInnerTexts()).join(' '))).toContain(words);
    expect(page.url()).toContain('against=baseline');
    expect(complaints).toEqual([]);
    await page.close();
  }, 120_000);

  it('leaves plots as SVG and PNG with their colours, and as tables', async () => {
    const { page, complaints } = await real.open(`#/compare?jobs=${ids.join(',')}`);
    const forest = page.getByRole('img', { name: /effect against its own control/ });
    await forest.waitFor();
    const box = (await forest.boundingBox())!; // it is shown
    const saved = async (button: string) => {
      const waiting = page.waitForEvent('download');
      await page.locator('figure.drawn').first().getByRole('button', { name: button }).click();
      return readFileSync(await (await waiting).path());
    };
    const svg = (await saved('SVG')).toString('utf8');
    expect(svg).toMatch(/^<svg[^>]* xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).not.toMatch(/class=|var\(/);
    const colour = await page
      .locator('.whisker')
      .first()
      .evaluate((line) => getComputedStyle(line).stroke);
    expect(svg).toContain(`stroke:${colour}`);
    const png = await saved('PNG');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * box.width, 2 * box.height].map(Math.round));
    expect(png.length).toBeGreaterThan(5_000); // an empty picture of this size has about 2 kB
    await page.getByRole('img', { name: /against perplexity/ }).waitFor();
    await page.locator('figure.drawn').first().getByRole('button', { name: 'As a table' }).click();
    expect(
      await page
        .getByRole('region', { name: /own control as a table/ })
        .locator('tbody tr')
        .count(),
    ).toBe(3);
    expect(complaints).toEqual([]);
    await page.close();
  }, 120_000);

  it('says what is wrong with an address that names no job, and what to do', async () => {
    const { page } = await real.open('#/compare?jobs=01900000-0000-7000-8000-000000000000');
    await page.getByRole('alert').getByText('Choose the jobs anew above').waitFor();
    await page.close();
  });
});

describe.skipIf(!hasChromium)('sweeps on the real API, in Chromium', () => {
  let sweep: string;
  let jobs: readonly string[];
  beforeAll(async () => {
    if (hasChromium) ({ sweep, jobs } = await seedSweep(real.service.database));
  }, 240_000);

  it('shows the figures of the results in the grid, takes orders, and new scores without losing the place', async () => {
    const { page, complaints } = await real.open('#/sweeps');
    await page.getByRole('link', { name: 'dose', exact: true }).click();
    const cell = page.locator('table.heat tbody tr').first().locator('td').first();
    await cell.getByText('mean of 2').waitFor({ timeout: 90_000 });
    const results = await real.service.get<SweepResults>(`/sweeps/${sweep}/results`);
    const own = results.rows.filter(({ job, metric }) => jobs.slice(0, 2).includes(job) && metric === 'proRate');
    expect(own).toHaveLength(2);
    for (const { effect } of own) {
      const words = `${formatDifference(effect!.value, 'rate')} ${formatInterval(effect!.interval, 'rate')}`; // both arms were scored
      expect(plain(await cell.innerText())).toContain(plain(words));
    }
    const open = page.locator('table.heat tbody tr').nth(1).locator('td').nth(1);
    expect(plain(await open.innerText())).toBe('running 40 % queued');

    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('No further job is begun: it is paused').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();

    await page.getByLabel('Columns').focus();
    const before = (await page.getByLabel('Columns').boundingBox())!; // it is shown
    await real.service.database.prisma.job.update({
      where: { id: jobs.at(-1)! }, // the sweep has jobs
      data: { state: 'cancelled', finishedAt: new Date() },
    });
    await open.getByText('cancelled').waitFor({ timeout: 30_000 });
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('SELECT');
    expect(Math.abs((await page.getByLabel('Columns').boundingBox())!.y - before.y)).toBeLessThan(2);

    await page.getByLabel('Columns').selectOption('model');
    expect(page.url()).toContain('columns=model');
    await cell.getByRole('link').first().click();
    await page.waitForURL(`**/#/jobs/${jobs[0]}`);
    expect(complaints).toEqual([]);
    await page.close();
  }, 240_000);

  it('draws dose and response and the spread over seeds as the results have them, and links the server’s files', async () => {
    const { page, complaints } = await real.open(`#/sweeps/${sweep}`);
    const curve = page.getByRole('img', { name: /effect, intervention − control/ });
    await curve.waitFor({ timeout: 90_000 });
    const results = await real.service.get<SweepResults>(`/sweeps/${sweep}/results`);
    const drawn = results.doseResponse.find(
      ({ axis, metric, others }) =>
        axis === 'intervention.probability' &&
        metric === 'proRate' &&
        others['intervention.direction'] === 'masculine-to-feminine',
    )!; // the sweep has the axis
    expect(drawn.effect.map(({ x, over }) => [x, over])).toEqual([
      [0.1, 'model seeds'],
      [0.5, 'model seeds'],
    ]);
    await page.locator('section[aria-labelledby=dose]').getByRole('button', { name: 'As a table' }).click();
    const table = plain(await page.getByRole('region', { name: /control as a table/ }).innerText());
    for (const { x, value, interval } of drawn.effect) {
      expect(table).toContain(
        plain(`${x} ${formatDifference(value, 'rate')} ${formatInterval(interval, 'rate')} model seeds 2 1, 2`),
      );
    }
    const group = results.replicates.find(({ over }) => over === 'model seeds')!; // two seeds at each point
    const mean = group.effects.find(({ metric }) => metric === 'proRate')!; // of both
    const spread = await page.getByRole('img', { name: /effect by seed/ }).getAttribute('aria-label');
    expect(plain(spread)).toContain(
      plain(`mean ${formatDifference(mean.value, 'rate')} ${formatInterval(mean.interval, 'rate')}`),
    );
    const href = await page.getByRole('link', { name: 'CSV', exact: true }).getAttribute('href');
    const rows = parseCsv(await (await fetch(`${real.service.url}/${href}`)).text());
    expect(rows).toHaveLength(results.rows.length);
    expect(complaints).toEqual([]);
    await page.close();
  }, 240_000);

  it('takes a new sweep as YAML: faults are told while one writes, points before they are submitted', async () => {
    const { page, complaints } = await real.open('#/compare');
    await page.route('**/v1/sweeps?*', (route) => route.fulfill({ json: { sweeps: [] } }));
    await page.getByText('No job is chosen').waitFor(); // it listens to keys from then on
    await page.keyboard.press('g');
    await page.keyboard.press('s');
    await page.getByText('No sweeps yet').waitFor();
    await page.getByText('8 jobs, 16 trainings').waitFor();
    const text = page.getByLabel('The sweep, as YAML or JSON');
    const document = (probability: string) =>
      [
        'name: from the page',
        'base: { model: nano-1m, checkpoint: step1330, dataset: nano-stories, arms: [control, intervention] }',
        `grid: { intervention.probability: ${probability} }`,
      ].join('\n');
    await text.fill(document('[0.5, 2]'));
    await page.getByRole('alert').getByText('/grid/intervention.probability/1').waitFor();
    expect(await page.getByRole('button', { name: 'Submit sweep' }).isDisabled()).toBe(true);
    await text.fill(document('[0.5'));
    await page.getByRole('alert').getByText('line 3').waitFor();
    expect(complaints.every((words) => words.includes('422'))).toBe(true); // the browser's own words for a refusal
    await text.fill(document('[0.25, 0.75]'));
    await page.getByText('2 jobs, 4 trainings').waitFor();
    await page.getByRole('button', { name: 'Submit sweep' }).click();
    await page.getByRole('heading', { name: 'from the page' }).waitFor();
    const id = page.url().split('/').at(-1)!; // split gives at least one part
    const { jobs: made } = await real.service.get<{ jobs: { sweepPoint: unknown }[] }>(`/sweeps/${id}`);
    expect(made.map(({ sweepPoint }) => sweepPoint)).toEqual([
      { 'intervention.probability': 0.25 },
      { 'intervention.probability': 0.75 },
    ]);
    await page.getByText('0 of 2 jobs over: 2 queued').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Yes, cancel all of it' }).click();
    await page.getByText('2 of 2 jobs over: 2 cancelled').waitFor();
    await page.close();
  }, 120_000);

  it('and jobs to compare can be chosen by keyboard alone', async () => {
    const { page } = await real.open('#/sweeps');
    await page.locator('table.sweeps').waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await page.getByText('No job is chosen').waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('all documents');
    await page.getByText('1 job found').waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await page.locator('table.compare').waitFor({ timeout: 60_000 });
    expect(decodeURIComponent(page.url())).toContain(ids[0]);
    await page.close();
  }, 120_000);

  it('and comparisons have nothing for axe to complain about, and fit a phone', async () => {
    const views = [
      ['compare', `#/compare?jobs=${ids.join(',')}&config=all&extent=halves`, 'table.pair'],
      ['compare-none', '#/compare', '.picker-list li'],
      ['sweeps', '#/sweeps', 'table.sweeps'],
      ['sweep', `#/sweeps/${sweep}`, 'table.results'],
    ] as const;
    for (const [name, hash, element] of views) {
      const { page } = await real.open(hash);
      await page.locator(element).first().waitFor({ timeout: 90_000 });
      await screenshot(page, name);
      await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => (fold.open = true)));
      expect([name, await auditByAxe(page)]).toEqual([name, []]);
      await page.setViewportSize({ width: 390, height: 844 });
      await page.waitForTimeout(500); // plots are drawn anew for the width
      expect([name, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([name, 390]);
      await page.close();
    }
  }, 240_000);
});
