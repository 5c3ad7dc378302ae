import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, startBench, type Bench } from './browser.ts';
import { makeJob } from './fake-jobs.ts';

let bench: Bench;
beforeAll(async () => {
  if (hasChromium) bench = await startBench();
}, 60_000);
afterAll(async () => {
  if (hasChromium) await bench.close();
});

describe.skipIf(!hasChromium)('the form of a new job, in Chromium', () => {
  it('offers the models that are here, and not those that a job could not use', async () => {
    const { page } = await bench.open([], '#/new');
    await page.getByLabel('Name', { exact: true }).waitFor();
    const names = await page.locator('#field-model option').allTextContents();
    expect(names.filter((name) => name !== '')).toEqual(['nano-1m', 'pythia-70m']);
  });

  it('submits its defaults by Enter, and goes to the job', async () => {
    const { page, api, complaints } = await bench.open([], '#/new');
    await page.getByLabel('Name', { exact: true }).fill('first try');
    await page.getByLabel('Name', { exact: true }).press('Enter');
    await page.getByRole('heading', { name: 'first try' }).waitFor();
    expect(api.state.submitted).toEqual([
      { name: 'first try', model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' },
    ]);
    expect(page.url()).toContain('#/jobs/');
    expect(complaints).toEqual([]);
  });

  it('sends what was changed, each in its type, and leaves out what equals the default', async () => {
    const { page, api } = await bench.open([], '#/new');
    await page.getByLabel('Direction').selectOption('swap');
    await page.getByLabel('Probability').fill('0.25');
    await page.getByLabel('Seed').fill('1234');
    await page.getByLabel('Expect no edits').check();
    await page.getByRole('group', { name: 'Arms' }).getByLabel('published').uncheck();
    await page.getByText('Training', { exact: true }).click();
    await page.getByLabel('Micro batch size').fill('4');
    await page.getByLabel('Gelu').selectOption('erf');
    await page.getByText('Evaluation', { exact: true }).click();
    await page.getByLabel('choose').check();
    await page.getByLabel('nano-crows-pairs').uncheck();
    await page.getByLabel('nano-winobias, pronoun-choice').check();
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByText('Waiting for a worker').waitFor();
    expect(api.state.submitted).toEqual([
      {
        ...{ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' },
        intervention: { direction: 'swap', probability: 0.25, expectNoEdits: true },
        arms: ['control', 'intervention'],
        training: { microBatchSize: 4, gelu: 'erf' },
        evaluation: { benchmarks: ['nano-winobias', { benchmark: 'nano-winobias', protocol: 'pronoun-choice' }] },
      },
    ]);
  });

  it('shows each fault of the server at its field, opens what hides it, and moves the focus to the first', async () => {
    const { page, api } = await bench.open([], '#/new');
    await page.getByLabel('Probability').fill('2');
    await page.getByText('Training', { exact: true }).click();
    await page.getByLabel('Micro batch size').fill('many');
    await page.getByText('Training', { exact: true }).click();
    await page.getByRole('button', { name: 'Submit job' }).click();
    const field = page.getByLabel('Probability');
    await page.locator('#field-intervention-probability[aria-invalid=true]').waitFor();
    await page.waitForFunction(() => document.activeElement?.id === 'field-intervention-probability');
    const ids = (await field.getAttribute('aria-describedby'))?.split(' ') ?? [];
    expect(await page.locator(`#${ids[0]}`).getAttribute('role')).toBe('alert');
    expect(await page.locator(`#${ids[0]}`).innerText()).toMatch(/<=1/);
    expect(await page.getByText('The job was not accepted: 2 faults').isVisible()).toBe(true);
    expect(await page.locator('#field-training-microBatchSize').getAttribute('aria-invalid')).toBe('true');

    // Only the hidden one is left: its group opens by itself.
    await field.fill('1');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.waitForFunction(() => document.activeElement?.id === 'field-training-microBatchSize');
    expect(await page.getByLabel('Micro batch size').isVisible()).toBe(true);
    expect(api.state.submitted).toEqual([]);
  });

  it('starts from an earlier job when asked to, and shows the command that does the same', async () => {
    const earlier = makeJob(0, 'failed', { name: 'swap-0.3', intervention: { direction: 'swap', probability: 0.3 } });
    const { page } = await bench.open([earlier], `#/jobs/${earlier.id}`);
    await page.getByRole('link', { name: 'Use as template' }).click();
    expect(await page.getByLabel('Probability').inputValue()).toBe('0.3');
    expect(await page.getByLabel('Direction').inputValue()).toBe('swap');
    expect(await page.locator('aside pre').innerText()).toContain('"probability": 0.3');
  });

  it('keeps entries of a list that are more than a name, whatever the order of their keys', async () => {
    const known = { protocol: 'pronoun-choice', benchmark: 'nano-winobias' } as const;
    const own = { maxNew: 8, protocol: 'pythia-em', benchmark: 'mine' } as const;
    const earlier = makeJob(0, 'failed', { evaluation: { benchmarks: [known, own] } });
    const { page } = await bench.open([earlier], `#/new?from=${earlier.id}`);
    await page.getByText('Evaluation', { exact: true }).click();
    expect(await page.getByLabel('nano-winobias, pronoun-choice').isChecked()).toBe(true);
    const box = page.getByLabel('{"benchmark":"mine","maxNew":8,"protocol":"pythia-em"}');
    expect(await box.isChecked()).toBe(true);
    await page.getByLabel('nano-crows-pairs').check();
    const command = await page.locator('aside pre').innerText();
    for (const words of ['"nano-crows-pairs"', '"pronoun-choice"', '"maxNew": 8']) expect(command).toContain(words);
  });
});
