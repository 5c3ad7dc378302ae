// A researcher's way through the page, on the real server, database and worker: a job through the form to its end, one of its items and one of
// its edits with their own addresses, a second job called off, and what to do about one that really fails.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it, vi } from 'vitest';
import type { Comparison } from '../../src/api/compare.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { parseCsv } from '../support/csv.ts';
import { fillSmallJob, useRealPage } from '../support/real-page.ts';
import { nanoSpec, type JobAnswer } from '../support/service.ts';
import { hasChromium, plain } from '../web/browser.ts';

vi.setConfig({ testTimeout: 400_000, hookTimeout: 120_000 }); // the jobs' trainers start from sources
const PATIENCE = { timeout: 300_000 };
const SMALL = {
  window: { steps: 4 },
  training: { rowsPerStep: 4 },
  evaluation: { benchmarks: ['nano-crows-pairs'], every: 2 },
};

const real = useRealPage(({ service }) => service.startWorker());

function idIn(page: Page): string {
  return /#\/jobs\/([0-9a-f-]{36})/.exec(page.url())?.[1] ?? '';
}

async function tab(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Parts of the job' }).getByRole('link', { name }).click();
}

describe.skipIf(!hasChromium)('a way through the page', () => {
  it('leads from the form over live curves to single items and edits', async () => {
    const { page, complaints } = await real.open('#/new');
    await fillSmallJob(page, 'a way through the page');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByRole('heading', { name: 'a way through the page', level: 1 }).waitFor();
    const id = idIn(page);

    // Watched without a reload: its curves come, its end comes, and the tab stays.
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByRole('img', { name: /^Loss .*intervention: from \d/ }).waitFor(PATIENCE);
    await page.getByText('✓ succeeded').waitFor(PATIENCE);
    expect(await page.getByRole('img', { name: /^Loss/ }).count()).toBe(1);
    await expectCurves(page, id);

    await expectItem(page, id);
    await expectEdit(page, id);
    await tab(page, 'Timeline');
    await page.locator('.timeline li', { hasText: 'succeeded' }).first().waitFor();
    await page.getByRole('region', { name: 'Attempts' }).getByText('succeeded').waitFor();
    await tab(page, 'Files');
    await page.getByRole('region', { name: 'Checkpoints' }).getByRole('rowheader').first().waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('compares it with a second job, whose control is the same, and downloads what is shown', async () => {
    const { jobs } = await real.service.get<{ jobs: (JobAnswer & { spec: JobSpecInput })[] }>('/jobs');
    const first = jobs[0]!; // that of the test before
    const id = await real.service.submit({
      ...first.spec,
      name: 'the other way',
      intervention: { direction: 'feminine-to-masculine' },
    });
    const { page, complaints } = await real.open('#/');
    const row = (name: string) => page.locator('tbody tr', { hasText: name });
    await row('the other way').getByText('succeeded').waitFor(PATIENCE);
    for (const name of ['a way through the page', 'the other way']) await row(name).getByRole('checkbox').check();
    await page
      .getByRole('link', { name: /^Compare/ })
      .last()
      .click();
    await page.locator('table.compare').waitFor();
    const waiting = page.waitForEvent('download');
    await page.locator('section[aria-labelledby=figures]').getByRole('button', { name: 'CSV', exact: true }).click();
    const csv = parseCsv(readFileSync(await (await waiting).path(), 'utf8'));
    const { metrics } = await real.service.get<Comparison>(`/compare?jobs=${first.id},${id}`);
    const rate = metrics.find(
      ({ metric, benchmark }) => metric === 'pctStereotype' && benchmark === 'nano-crows-pairs',
    )!; // scored
    for (const { id: job, effect } of rate.jobs) {
      const line = csv.find((one) => one['job'] === job && one['metric'] === 'pctStereotype' && one['effect'] !== '');
      expect([line?.['effect'], line?.['pValue']]).toEqual([effect?.value, effect?.pValue].map(String));
    }
    expect(rate.jobs.map((one) => one.id).sort()).toEqual([first.id, id].sort());
    const control = (job: string) => rate.jobs.find((one) => one.id === job)?.scores.control;
    expect(control(id)).toEqual(control(first.id));
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('calls another job off, after asking', async () => {
    const first = (await real.service.get<{ jobs: JobAnswer[] }>('/jobs')).jobs[0];
    const { page } = await real.open(`#/jobs/${first!.id}`);
    await page.getByRole('link', { name: 'Use as template' }).click();
    await page.getByLabel('Name', { exact: true }).fill('called off');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByRole('heading', { name: 'called off', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('button', { name: 'Yes, cancel it' }).click();
    await page.getByText('⊘ cancelled').waitFor(PATIENCE);
    expect((await real.service.get<JobAnswer>(`/jobs/${idIn(page)}`)).state).toBe('cancelled');
    expect(await page.getByRole('button', { name: 'Cancel job' }).count()).toBe(0);
    await page.close();
  });

  it('says what to do about a job that fails because nothing was rewritten', async () => {
    const spec = nanoSpec({ ...SMALL, name: 'nothing to rewrite', intervention: { probability: 0 } });
    const id = await real.service.submit(spec);
    const { page } = await real.open(`#/jobs/${id}`);
    await page.getByText('✕ failed').waitFor(PATIENCE);
    expect((await real.service.get<JobAnswer>(`/jobs/${id}`)).reason).toBe('no-edits');
    await page.getByText('No pronoun was changed in the whole window').waitFor();
    await page.getByText('Check direction and probability.').waitFor();
    expect(await page.getByRole('button', { name: 'Retry from the last checkpoint' }).count()).toBe(0);
    await page.getByRole('link', { name: 'Use this job as a template' }).click();
    expect(await page.getByLabel('Probability').inputValue()).toBe('0');
    await page.close();
  });
});

/** Every recorded loss, as the API has it, is in the chart's table. */
async function expectCurves(page: Page, id: string): Promise<void> {
  const { arms } = await real.service.get<{ arms: Record<string, { step: number[]; lossNats: number[] }> }>(
    `/jobs/${id}/metrics`,
  );
  await page.getByRole('button', { name: 'Loss (nats per token) as a table' }).click();
  const rows = page.getByRole('region', { name: 'Loss (nats per token) as a table' }).locator('tbody tr');
  await rows.nth(3).waitFor();
  const shown = (await rows.allInnerTexts()).map(plain);
  const { step, lossNats } = arms['control']!; // was trained
  const others = arms['intervention']!; // was trained
  expect(shown).toEqual(
    step.map((at, place) =>
      [at.toLocaleString('en-US'), lossNats[place]!.toFixed(3), others.lossNats[place]!.toFixed(3)].join(' '),
    ),
  );
}

async function expectItem(page: Page, id: string): Promise<void> {
  await tab(page, 'Items');
  const { items } = await real.service.get<{
    items: { index: number; texts: string[]; margins: { baseline: number; arm: number } }[];
  }>(`/jobs/${id}/compared-items?benchmark=nano-crows-pairs`);
  const first = items[0]!; // the benchmark has some
  const row = page
    .getByRole('table', { name: /^Items of intervention and control/ })
    .locator('tbody tr')
    .first();
  await row.waitFor();
  expect(plain(await row.innerText())).toContain(first.texts[0]);
  await row.getByRole('link').click();
  await page.getByRole('heading', { name: new RegExp(`^Item ${first.index} `) }).waitFor();
  const margin = (value: number) => value.toFixed(3).replace('-', '−');
  const last = page.getByRole('region', { name: 'The item over steps' }).locator('tbody tr').last();
  await last.waitFor(); // the heading stands before the history is read
  const cells = (await last.locator('td').allInnerTexts()).map(plain);
  expect(cells.some((cell) => cell.startsWith(margin(first.margins.arm)))).toBe(true);
  expect(cells.some((cell) => cell.startsWith(margin(first.margins.baseline)))).toBe(true);
  await page.reload(); // the address is enough
  await page.getByRole('heading', { name: new RegExp(`^Item ${first.index} `) }).waitFor();
}

async function expectEdit(page: Page, id: string): Promise<void> {
  await tab(page, 'Edits');
  const { edits } = await real.service.get<{ edits: { step: number; before: string; after: string }[] }>(
    `/jobs/${id}/edits`,
  );
  const { step, before, after } = edits[0]!; // it succeeded, so there are some
  await page
    .getByRole('button', { name: `All of step ${step.toLocaleString('en-US')}` })
    .first()
    .click();
  await page.getByRole('heading', { name: `Samples at step ${step.toLocaleString('en-US')}` }).waitFor();
  const sample = page.locator('.samples li .text').first();
  expect([await sample.locator('del').innerText(), await sample.locator('ins').innerText()]).toEqual([before, after]);
  expect(page.url()).toContain(`step=${step}`);
}
