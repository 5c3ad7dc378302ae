import { describe, expect, it } from 'vitest';
import { hasChromium, plain, useBench } from './browser.ts';
import { makeJob } from './fake-jobs.ts';

const bench = useBench();

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

  it('takes a checkpoint on the slider by the keyboard, one published checkpoint a key, and shades the window', async () => {
    const { page } = await bench.open([], '#/new');
    const slider = page.getByRole('slider', { name: 'Checkpoint' });
    const typed = page.getByLabel('Checkpoint', { exact: true });
    await slider.focus();
    await page.keyboard.press('ArrowLeft');
    expect(await typed.inputValue()).toBe('step1320');
    expect(await slider.getAttribute('aria-valuetext')).toBe('step 1,320, not here');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await typed.inputValue()).toBe('step2');
    await page.getByRole('button', { name: 'Take step1130, which is here' }).click();
    expect(await typed.inputValue()).toBe('step1130');
    await typed.fill('1330');
    await page.getByText('here, with optimizer state').waitFor();
    await page.getByText('Steps 1,330 to 1,430: 100 steps, 7.0 % of the training').waitFor();
    expect(await page.locator('aside pre').innerText()).toContain('"checkpoint": "step1330"');
  });

  it('says the window in steps, by its end or in per cent, and never two ways at once', async () => {
    const { page, api } = await bench.open([], '#/new');
    await page.getByLabel('a number of steps').check();
    expect(await page.getByLabel('Steps', { exact: true }).inputValue()).toBe('100');
    await page.getByLabel('to a step').check();
    expect(await page.getByLabel('To', { exact: true }).inputValue()).toBe('1430');
    await page.getByLabel('the last per cent of the training').check();
    await page.getByLabel('Final per cent').fill('3.5');
    await page.getByText('It starts at step 1,380').waitFor();
    expect(await page.getByLabel('Checkpoint', { exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByText('Waiting for a worker').waitFor();
    expect(api.state.submitted).toEqual([
      { model: 'nano-1m', dataset: 'nano-stories', window: { finalFraction: 0.035 } },
    ]);
  });

  it('previews the batch with each edit in its place, and another batch of the window', async () => {
    const { page, api, complaints } = await bench.open([], '#/new');
    const preview = page.getByRole('region', { name: 'Preview of a batch' });
    await preview.getByText('Step 1,330: 3 edits in 2 of 16 rows.').waitFor();
    expect(await preview.locator('del').allInnerTexts()).toEqual(['He1', 'his2', 'he1']);
    expect(await preview.locator('ins').allInnerTexts()).toEqual(['She1', 'her2', 'she1']);
    expect(plain(await preview.getByRole('list', { name: 'Edits by rule' }).innerText())).toBe(
      '1 he-subject 2 2 his-determiner 1',
    );
    await preview.getByRole('button', { name: 'Another batch' }).click();
    const step = Number(await preview.getByLabel('Step').inputValue());
    expect(step).toBeGreaterThanOrEqual(1330);
    expect(step).toBeLessThan(1430);
    await expect.poll(() => api.state.previewed.length).toBe(2);
    expect(api.state.previewed[1]).toMatchObject({ step, arm: 'intervention' });
    expect(complaints).toEqual([]);
  });

  it('asks for one preview after many changes, gives one up when asked to, and leaves none on the way', async () => {
    const { page, api } = await bench.open([], '#/new');
    const preview = page.getByRole('region', { name: 'Preview of a batch' });
    await preview.getByText('3 edits').waitFor();
    api.state.previewMs = 60_000;
    await page.getByLabel('Probability').pressSequentially('0.25', { delay: 30 });
    await expect.poll(() => api.state.previewed.length).toBe(2);
    expect(api.state.previewed[1]).toMatchObject({ job: { intervention: { probability: 0.25 } } });
    await preview.getByRole('button', { name: 'Cancel' }).click();
    await preview.getByRole('button', { name: 'Cancel' }).waitFor({ state: 'detached' });
    expect(await page.getByText('The server cannot be reached').count()).toBe(0); // giving up is no failure
    await preview.getByLabel('live').uncheck();
    await page.getByLabel('Name', { exact: true }).fill('a name changes no batch');
    await page.getByLabel('Probability').fill('0.5');
    await page.waitForTimeout(1_000); // longer than the page waits for another change
    expect(api.state.previewed.length).toBe(2);
  });

  it('warns when the disk is too small, and tells what the benchmarks can show', async () => {
    const { page, api } = await bench.open([], '#/new');
    const estimate = page.getByRole('region', { name: 'Estimate' });
    await estimate.getByText('1 min 38 s').waitFor();
    expect(await estimate.getByText('It does not fit').count()).toBe(0);
    expect(plain(await estimate.getByRole('row').nth(1).innerText())).toBe('nano-winobias 640 items 2.5 pt 5.0 pt');
    api.state.freeDiskBytes = 53e6;
    await page.getByLabel('Probability').fill('0.5');
    await estimate.getByText('It does not fit: 200 MB are missing.').waitFor();
    await page.getByLabel('Probability').fill('2');
    await estimate.getByText('Intervention › Probability').waitFor();
  });

  it('says what other jobs have done of it, and what is left', async () => {
    const { page, api } = await bench.open([], '#/new');
    const estimate = page.getByRole('region', { name: 'Estimate' });
    await estimate.getByText('1 min 38 s').waitFor();
    expect(await estimate.getByText('Left').count()).toBe(0); // nothing is here
    const by = { job: '0192f000-0000-7000-8000-000000001000', name: 'the first one' };
    api.state.sharedParts = [
      { part: 'control', scoring: null, state: 'here', by },
      {
        part: 'published',
        scoring: { benchmark: 'winobias', protocol: 'likelihood', settings: {} },
        ...{ state: 'under way', by },
      },
    ];
    await page.getByLabel('Probability').fill('0.5');
    await estimate.getByText('1 of 2 trainings').waitFor();
    const words = plain(await estimate.locator('.left').innerText());
    expect(words).toContain('49 s, 204,800 tokens, 127 MB of disk');
    expect(words).toContain('control is here already: the first one');
    expect(words).toContain('published scores of winobias are under way: the first one');
    expect(await estimate.getByRole('link', { name: 'the first one' }).first().getAttribute('href')).toContain(by.job);
  });

  it('keeps what was filled in over a reload, until it is submitted or begun anew', async () => {
    const { page } = await bench.open([], '#/new');
    await page.getByLabel('Name', { exact: true }).fill('half done');
    await page.getByLabel('a number of steps').check();
    await page.reload();
    await page.getByText('The form holds what was filled in before.').waitFor();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('half done');
    expect(await page.getByLabel('a number of steps').isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Start over' }).click();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('');
    expect(await page.getByLabel('to the end of the training').isChecked()).toBe(true);
    await page.getByLabel('Name', { exact: true }).fill('sent');
    await page.getByRole('button', { name: 'Submit job' }).click();
    await page.getByRole('heading', { name: 'sent' }).waitFor();
    await page.getByRole('link', { name: 'New job' }).first().click();
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('');
  });

  it('shows the same job as a command line and as JSON', async () => {
    const { page } = await bench.open([], '#/new');
    await page.getByLabel('command line').check();
    expect(await page.locator('aside pre').innerText()).toContain('tiresias submit');
    await page.getByLabel('JSON', { exact: true }).check();
    expect(JSON.parse(await page.locator('aside pre').innerText())).toEqual({
      ...{ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' },
    });
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
