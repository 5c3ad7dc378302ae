// The built page on the real API with a real worker, in Chromium: a job through the form, watched to its end without a reload.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { packagePath } from '../../src/package-root.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { hasChromium, plain } from '../web/browser.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 }); // the job's trainers start from sources
const PATIENCE = { timeout: 240_000 };

const webFolder = mkdtempSync(join(tmpdir(), 'tiresias-page-'));
let service: TestService;
let browser: Browser;
beforeAll(async () => {
  if (!hasChromium) return;
  await build({
    configFile: packagePath('vite.config.ts'),
    logLevel: 'warn',
    build: { outDir: webFolder, emptyOutDir: true }, // not dist/web, which may be older than the sources
  });
  service = await startTestService({ webFolder });
  service.startWorker();
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
});
afterAll(async () => {
  if (hasChromium) {
    await browser.close();
    await service.stop();
  }
  rmSync(webFolder, { recursive: true });
});

describe.skipIf(!hasChromium)('the page on the real service, in Chromium', () => {
  it('submits a job through its form and shows it live to its scores, intervals and edits', async () => {
    const { page, complaints } = await openPage();
    await page.getByRole('link', { name: 'New job' }).first().click();
    await fillForm(page);
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
    const { page } = await openPage('#/new');
    await page.getByLabel('Checkpoint', { exact: true }).fill('step1300');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.locator('#field-checkpoint[aria-invalid=true]').waitFor();
    await page.getByText('the nearest is step1330').waitFor();
    expect((await service.get<{ jobs: unknown[] }>('/jobs')).jobs).toHaveLength(1); // that of the test before
  });
});

async function openPage(hash = ''): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(`${service.url}/${hash}`);
  return { page, complaints };
}

/** Four steps of four rows, the smaller benchmark every other step; the rest is what the form holds by itself. */
async function fillForm(page: Page): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill('through the page');
  await page.getByLabel('a number of steps').check();
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByText('Training', { exact: true }).click();
  await page.getByLabel('Rows per step').fill('4');
  await page.getByText('Evaluation', { exact: true }).click();
  await page.getByLabel('choose').check();
  await page.getByLabel('nano-winobias', { exact: true }).uncheck();
  await page.getByLabel('Every', { exact: true }).fill('2');
}

async function expectScores(page: Page, id: string): Promise<void> {
  const title = 'Scores of nano-crows-pairs, likelihood: value, 95 % interval and number of items';
  const table = page.getByRole('table', { name: title });
  await table.waitFor();
  const { scores } = await service.get<{
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
  const { edits, totals } = await service.get<{
    edits: { before: string; after: string }[];
    totals: { numEdits: number; numRowsChanged: number };
  }>(`/jobs/${id}/edits`);
  await page.getByText(`${totals.numEdits} edits in ${totals.numRowsChanged} of 16 rows`).waitFor();
  const sample = page.locator('.samples li .text').first();
  expect(await sample.locator('del').innerText()).toBe(edits[0]?.before);
  expect(await sample.locator('ins').innerText()).toBe(edits[0]?.after);
}
