import { describe, expect, it } from 'vitest';
import { hasChromium, useBench } from './browser.ts';
import { makeJob } from './fake-jobs.ts';

const bench = useBench();

describe.skipIf(!hasChromium)('the frame, in Chromium', () => {
  it('goes to a view by two keys, lists the keys at ?, and leaves letters to fields', async () => {
    const { page, complaints } = await bench.open([makeJob(0, 'succeeded', { name: 'there' })], '');
    await page.getByRole('link', { name: 'there' }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('n');
    await page.getByRole('heading', { name: 'New job' }).waitFor();
    await page.getByLabel('Name', { exact: true }).pressSequentially('gj?');
    expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('gj?');
    await page.locator('main').focus();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor({ state: 'hidden' });
    await page.keyboard.press('g');
    await page.keyboard.press('j');
    await page.getByRole('link', { name: 'there' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('listens to no letter once its keys are switched off, on later visits too', async () => {
    const { page } = await bench.open([makeJob(0, 'succeeded', { name: 'there' })], '');
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.getByLabel('Listen to these keys').uncheck();
    await page.reload();
    await page.getByRole('link', { name: 'there' }).waitFor();
    await page.keyboard.press('?');
    await page.keyboard.press('g');
    await page.keyboard.press('n');
    expect(await page.getByRole('dialog', { name: 'Keys' }).isVisible()).toBe(false);
    expect(page.url()).not.toContain('new');
  });

  it('keeps the theme that was chosen, whatever the system says', async () => {
    const { page } = await bench.open([], '', { colorScheme: 'light' });
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.getByText('No jobs yet').waitFor();
    const light = await paper();
    await page.getByLabel('Theme').selectOption('dark');
    const dark = await paper();
    expect(dark).not.toBe(light);
    await page.reload();
    await page.getByText('No jobs yet').waitFor();
    expect(await paper()).toBe(dark);
    await page.getByLabel('Theme').selectOption('auto');
    expect(await paper()).toBe(light);
  });

  it('says that the server cannot be reached, and goes on when it can be again', async () => {
    const { page } = await bench.open([], '#/new');
    await page.getByLabel('Name', { exact: true }).waitFor();
    await page.route('**/{v1,healthz}{,/**}', (route) => route.abort('connectionrefused'));
    await page.getByRole('link', { name: 'Jobs', exact: true }).click();
    const notice = page.getByText('The server cannot be reached.');
    await notice.waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await notice.waitFor();
    await page.unroute('**/{v1,healthz}{,/**}');
    await page.getByText('No jobs yet').waitFor();
    await notice.waitFor({ state: 'detached' });
  });

  it('offers to load the page again when the file of a view is gone', async () => {
    const { page } = await bench.open([], '');
    await page.getByText('No jobs yet').waitFor();
    await page.route('**/*new-job-page*.js', (route) => route.abort());
    await page.getByRole('link', { name: 'New job', exact: true }).first().click();
    await page.getByText('This part of the page could not be loaded').waitFor();
    await page.unroute('**/*new-job-page*.js');
    await page.getByRole('button', { name: 'Load the page again' }).click();
    await page.getByLabel('Name', { exact: true }).waitFor();
  });
});
