// The form of a new job and the catalog on the real API with the committed nano suite, in Chromium.
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, it, vi } from 'vitest';
import { packagePath } from '../../src/package-root.ts';
import type { BatchPreview, Estimate } from '../../src/web/planning.ts';
import { auditByAxe, screenshot, useRealPage } from '../support/real-page.ts';
import { hasChromium, plain } from '../web/browser.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
const PHONE = { viewport: { width: 390, height: 844 } };
const JOB = { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' };

const real = useRealPage();

const previewOf = (page: Page) => page.getByRole('region', { name: 'Preview of a batch' });

async function ask<T>(path: string, body: object): Promise<T> {
  const { status, body: answer } = await real.service.post(path, body);
  expect(status).toBe(200);
  return answer as T;
}

describe.skipIf(!hasChromium)('the form of a new job on the real API, in Chromium', () => {
  it('previews the batch that the API rewrites, every edit in its place, anew after each change', async () => {
    const { page, complaints } = await real.open('#/new');
    const preview = previewOf(page);
    await preview.getByText('edits in').waitFor({ timeout: 60_000 }); // the nano stories are written first
    await page.getByLabel('Direction').selectOption('swap');
    const told = await ask<BatchPreview>('/preview', { job: { ...JOB, intervention: { direction: 'swap' } } });
    await preview.getByText(`Step 1,330: ${told.numEdits} edits in ${told.numRowsChanged} of 16 rows`).waitFor();

    const shown = await preview
      .locator('li')
      .filter({ has: page.locator('.sides') })
      .all();
    expect(shown).toHaveLength(told.rows.length);
    for (const [place, row] of told.rows.entries()) {
      const words = (selector: string) =>
        shown[place]!.locator(selector).evaluateAll((all) => all.map((one) => one.firstChild?.textContent)); // as many as rows
      expect(await words('del')).toEqual(row.edits.map(({ before }) => before));
      if (row.numTokensCut === 0) expect(await words('ins')).toEqual(row.edits.map(({ after }) => after));
    }
    expect(await preview.getByText('not marked').count()).toBe(0);
    const legend = plain(await preview.getByRole('list', { name: 'Edits by rule' }).innerText());
    for (const [rule, count] of Object.entries(told.editsByRule)) expect(legend).toContain(`${rule} ${count}`);

    await preview.getByLabel('Step').fill('1400');
    const later = await ask<BatchPreview>('/preview', {
      job: { ...JOB, intervention: { direction: 'swap' } },
      step: 1400,
    });
    await preview.getByText(`Step 1,400: ${later.numEdits} edits`).waitFor();
    await preview.getByLabel('Step').fill('999999');
    await preview.getByText('No preview yet:').waitFor();
    expect(complaints.filter((words) => !words.includes('422'))).toEqual([]);
    await page.close();
  });

  it('shows the estimate of the API, and its faults by their fields', async () => {
    const { page } = await real.open('#/new');
    const estimate = page.getByRole('region', { name: 'Estimate' });
    await page.getByLabel('a number of steps').check();
    await page.getByLabel('Steps', { exact: true }).fill('4');
    await estimate.getByText(/^4 steps/).waitFor();
    const told = await ask<Estimate>('/estimate', { job: { ...JOB, window: { steps: 4 } } });
    const words = plain(await estimate.innerText());
    for (const { benchmark, numItems, detectable } of told.evaluations.benchmarks) {
      const figures = detectable.map(({ difference }) => `${(100 * (difference ?? NaN)).toFixed(1)} pt`).join(' ');
      expect(words).toContain(`${benchmark} ${numItems} items ${figures}`);
    }
    expect(words).toContain(`${told.numTokens.toLocaleString('en-US')} tokens`);
    expect(told.disk.bytes).toBeLessThan(told.disk.freeBytes);
    expect(words).not.toContain('It does not fit');
    await page.getByLabel('Steps', { exact: true }).fill('400');
    await estimate.getByText('Window › Steps: the window ends at step 1730').waitFor();
    await page.close();
  });

  it('chooses among the real checkpoints, and submits what the server resolves to the window that was shown', async () => {
    const { page } = await real.open('#/new');
    await page.getByRole('slider', { name: 'Checkpoint' }).focus();
    await page.keyboard.press('ArrowLeft');
    await page.getByText('not here', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Take step1330' }).click();
    await page.getByText('here, with optimizer state · learning rate 1.00e−4').waitFor(); // a tenth of the peak, 1e-3
    await page.getByLabel('the last per cent of the training').check();
    await page.getByText('It starts at step 1,330').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('by its share');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'by its share' }).waitFor();
    const { jobs } = await real.service.get<{ jobs: { spec: object }[] }>('/jobs?name=by%20its%20share');
    expect(jobs[0]?.spec).toMatchObject({ model: 'nano-1m', window: { finalFraction: 0.07 } });
    await page.close();
  });

  it('has nothing for axe to complain about, fits a phone, and is pictured', async () => {
    const { page } = await real.open('#/new');
    await previewOf(page).locator('ins').first().waitFor();
    await page.getByRole('heading', { name: 'What it can show' }).waitFor();
    await screenshot(page, 'new-job');
    await page.getByLabel('Probability').fill('2');
    await previewOf(page).getByText('No preview yet:').waitFor();
    await page.getByLabel('Probability').fill('');
    await previewOf(page).locator('ins').first().waitFor();
    expect(await auditByAxe(page)).toEqual([]);
    await previewOf(page).scrollIntoViewIfNeeded();
    await page.evaluate(() => document.querySelector('.preview')?.scrollIntoView());
    await screenshot(page, 'preview');
    await page.close();
    const phone = await real.open('#/new', PHONE);
    await previewOf(phone.page).locator('ins').first().waitFor();
    expect(await phone.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await phone.page.close();
  });
});

describe.skipIf(!hasChromium)('the catalog on the real API, in Chromium', () => {
  it('tells which checkpoints are here and how to get others', async () => {
    const { page, complaints } = await real.open('#/catalog');
    await page.getByRole('searchbox', { name: 'Name' }).fill('nano-1m');
    await page.getByText('nano-1m', { exact: true }).click();
    await page.getByText('Here: step1130, step1330 (with optimizer state), step1430.').waitFor();
    await page.getByRole('searchbox', { name: 'Name' }).fill('pythia-70m-deduped');
    const entry = page.locator('details.entry').filter({ hasText: /^pythia-70m-deduped○/ });
    await entry.locator('summary').click();
    await entry.getByText('tiresias models pull pythia-70m-deduped --checkpoint step132000').waitFor();
    await entry.getByLabel('Checkpoint of pythia-70m-deduped to fetch').selectOption('step1000');
    await entry.getByText('tiresias models pull pythia-70m-deduped --checkpoint step1000').waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('registers a folder, with the faults of the server at their fields before', async () => {
    const folder = join(real.service.home, 'mine');
    const nano = packagePath('suite', 'nano', 'nano-1m-seed1');
    mkdirSync(folder);
    cpSync(join(nano, 'step1430', 'model.safetensors'), join(folder, 'model.safetensors'));
    cpSync(join(nano, 'config.json'), join(folder, 'config.json'));
    cpSync(packagePath('suite', 'nano', 'tokenizer.json'), join(folder, 'tokenizer.json'));
    const { page } = await real.open('#/catalog');
    await page.getByText('Register a checkpoint folder').click();
    await page.getByRole('textbox', { name: 'Name required' }).fill('mine-14m');
    await page.getByLabel('Checkpoint').fill('step143000');
    await page.getByLabel('Folder').fill('mine');
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByText("give an absolute path of the server's").waitFor();
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('field-folder');
    await page.getByLabel('Folder').fill(folder);
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByText('mine-14m is registered.').waitFor();
    await page.locator('.entry-name').getByText('mine-14m').waitFor();
    await page.close();
  });

  it.each(['models', 'datasets', 'benchmarks', 'policies'])(
    '%s: nothing for axe to complain about, and a phone is wide enough',
    async (part) => {
      const { page } = await real.open(`#/catalog?part=${part}&name=nano`);
      await page.locator('.entry, table').first().waitFor();
      await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => (fold.open = true)));
      if (part === 'models') await page.getByText('Here: step1130').first().waitFor();
      if (part === 'models' || part === 'datasets') await page.getByRole('button', { name: 'Register' }).waitFor();
      expect(await auditByAxe(page)).toEqual([]);
      if (part === 'models') await screenshot(page, 'catalog');
      await page.setViewportSize(PHONE.viewport);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      await page.close();
    },
  );
});
