// The built page on the real API with a real worker, in Chromium: a job through the form, watched to its end without a reload.
import type { Page } from 'playwright-core';
import { describe, expect, it, vi } from 'vitest';
import { fillSmallJob, useRealPage } from '../support/real-page.ts';
import { hasChromium, plain } from '../web/browser.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 }); // the job's trainers start from sources
const PATIENCE = { timeout: 240_000 };

const real = useRealPage(({ service }) => service.startWorker());

describe.skipIf(!hasChromium)('the page on the real service, in Chromium', () => {
  it('submits a job through its form and shows it live to its scores, intervals and edits', async () => {
    const { page, complaints } = await real.open('');
    await page.getByRole('link', { name: 'New job' }).first().click();
    await fillSmallJob(page, 'through the page');
    await page.getByRole('button', { name: 'Submit job' }).click();

    await page.getByRole('heading', { name: 'through the page' }).waitFor();
    const id = /#\/jobs\/([0-9a-f-]{36})/.exec(page.url())?.[1] ?? '';
    await page.getByText('live', { exact: true }).waitFor();
    const bar = page.getByRole('progressbar', { name: 'Progress of intervention' });
    await bar.waitFor(PATIENCE);
    await page.waitForFunction(
      () => Number(document.querySelector('[aria-label="Progress of control"]')?.getAttribute('aria-valuenow')) > 0,
      undefined,
      PATIENCE,
    );
    await page.getByText('✓ succeeded').waitFor(PATIENCE);

    await page.getByRole('link', { name: 'Result', exact: true }).click();
    await expectScores(page, id);
    await page.getByRole('link', { name: 'Edits', exact: true }).click();
    await expectEdits(page, id);
    expect(await page.title()).toBe('succeeded: through the page – Tiresias');
    expect(complaints).toEqual([]);

    await page.getByRole('link', { name: 'Jobs', exact: true }).first().click();
    await page.getByRole('link', { name: 'through the page' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows what the real API refuses at the field that is wrong', async () => {
    const { page } = await real.open('#/new');
    await page.getByLabel('Checkpoint', { exact: true }).fill('step1300');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.locator('#field-checkpoint[aria-invalid=true]').waitFor();
    await page.getByText('the nearest is step1330').waitFor();
    expect((await real.service.get<{ jobs: unknown[] }>('/jobs')).jobs).toHaveLength(1); // that of the test before
  });
});

async function expectScores(page: Page, id: string): Promise<void> {
  const title = 'Scores of nano-crows-pairs, likelihood: value, 95 % interval and number of items';
  const table = page.getByRole('table', { name: title });
  await table.waitFor();
  const { scores } = await real.service.get<{
    scores: {
      arm: string;
      step: number;
      metric: string;
      value: number;
      interval: [number, number];
      numItems: number;
    }[];
  }>(`/jobs/${id}/scores`);
  const row = plain(await table.locator('tbody tr').first().innerText());
  const percent = (rate: number) => (100 * rate).toFixed(1);
  for (const arm of ['control', 'intervention']) {
    const score = scores.find((one) => one.arm === arm && one.step === 1334 && one.metric === 'pctStereotype');
    if (score === undefined) throw new Error(`no final score of ${arm}`);
    const [low, high] = score.interval.map(percent);
    expect(row).toContain(`${percent(score.value)} % [${low}, ${high}], n = 240`);
  }
  for (const cell of await table.locator('tbody td').allInnerTexts())
    expect(plain(cell)).toMatch(/\[.+, .+\], n = (240|120)$/);
  expect(plain(await page.locator('.headline').innerText())).toMatch(/95 % interval \[.+\], p .+, n = 240, step 1,334/);
  expect(await page.getByText('reduced batch').count()).toBeGreaterThan(0);
}

async function expectEdits(page: Page, id: string): Promise<void> {
  const { edits, totals } = await real.service.get<{
    edits: { before: string; after: string }[];
    totals: { numEdits: number; numRowsChanged: number };
  }>(`/jobs/${id}/edits`);
  await page.getByText(`${totals.numEdits} edits in ${totals.numRowsChanged} of 16 rows`).waitFor();
  const sample = page.locator('.samples li .text').first();
  expect(await sample.locator('del').innerText()).toBe(edits[0]?.before);
  expect(await sample.locator('ins').innerText()).toBe(edits[0]?.after);
}
