// What can be asked of a job on its page, each button pressed on the real server and read back from its database; and what the server refuses, told at
// the button. Jobs are seeded rows: no worker takes them.
import type { Page } from 'playwright-core';
import { describe, expect, it, vi } from 'vitest';
import { useRealPage } from '../support/real-page.ts';
import { seedJob, TO, type SeededJob } from '../support/seeded-jobs.ts';
import { hasChromium } from '../web/browser.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const real = useRealPage();

interface Answer {
  readonly name: string;
  readonly state: string;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly archivedAt: string | null;
  readonly spec: { readonly intervention: { readonly direction: string }; readonly window: object };
  readonly start: { readonly job: string; readonly arm: string; readonly step: number } | null;
}

const job = (id: string) => real.service.get<Answer>(`/jobs/${id}`);
const seed = (row: SeededJob) => seedJob(real.service.database, row);

async function openJob(row: SeededJob) {
  const id = await seed(row);
  return { id, ...(await real.open(`#/jobs/${id}`)) };
}

function press(page: Page, name: string) {
  return page.getByRole('button', { name, exact: true }).click();
}

/** From now on the page hears nothing new of a job, as behind a slow line; what it asks for still arrives. */
async function deafen(page: Page, id: string) {
  await page.route(
    ({ pathname }) => pathname === `/v1/jobs/${id}`,
    (route) => (route.request().method() === 'GET' ? undefined : route.continue()), // a GET stays unanswered
  );
}

/** What stands beside a button as its refusal. */
function refusalAt(page: Page, button: string) {
  return page
    .getByRole('button', { name: button, exact: true })
    .locator('xpath=following-sibling::*[1][@role="alert"]')
    .innerText();
}

describe.skipIf(!hasChromium)('the verbs of a job, in Chromium on the real server', () => {
  it.each([
    ['that waits', 'queued', 'paused', 'queued'],
    ['at work', 'running', 'pausing', 'running'],
  ] as const)('pause a job %s, and let it go on', async (_what, before, paused, after) => {
    const { id, page, complaints } = await openJob({ state: before, numSteps: 46 });
    await press(page, 'Pause');
    await page.locator('.state-line').getByText(paused).waitFor();
    expect((await job(id)).state).toBe(paused);
    expect(await page.getByRole('button', { name: 'Pause' }).count()).toBe(0);
    await press(page, 'Resume');
    await page.locator('.state-line').getByText(after).waitFor();
    expect((await job(id)).state).toBe(after);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('retry a job that failed of its surroundings', async () => {
    const { id, page, complaints } = await openJob({ state: 'failed', numSteps: 40, reason: 'out-of-memory' });
    await press(page, 'Retry from the last checkpoint');
    await page.locator('.state-line').getByText('queued').waitFor();
    expect((await job(id)).state).toBe('queued');
    await page.getByText('The machine ran out of memory').waitFor({ state: 'detached' });
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('archive a job that is over, and take it back', async () => {
    const { id, page, complaints } = await openJob({ state: 'cancelled', numSteps: 40 });
    await press(page, 'Archive');
    await page.locator('.state-line').getByText('archived').waitFor();
    expect((await job(id)).archivedAt).not.toBeNull();
    await press(page, 'Take out of the archive');
    await page.getByRole('button', { name: 'Archive', exact: true }).waitFor();
    expect((await job(id)).archivedAt).toBeNull();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('fork it from a checkpoint, after a refusal that names the field, to a job that names its parent', async () => {
    const { id, page } = await openJob({ state: 'succeeded', spec: { name: 'the parent' } });
    await press(page, 'Fork…');
    const form = page.getByRole('dialog', { name: 'Fork this job' });
    await form.getByLabel('Checkpoint').selectOption({ label: 'control, step 1,410' });
    await form.getByLabel('Direction of the rewriting').selectOption('feminine-to-masculine');
    await form.getByLabel('Steps to train').fill('1000');
    await form.getByRole('button', { name: 'Submit the fork' }).click();
    await form.getByRole('alert').getByText('Window › Steps: ').waitFor();
    await form.getByLabel('Steps to train').fill('12');
    await form.getByRole('button', { name: 'Submit the fork' }).click();

    await page.getByRole('heading', { name: 'the parent, from control at step 1410', level: 1 }).waitFor();
    const parent = page.getByRole('link', { name: 'the parent', exact: true });
    await parent.waitFor();
    const fork = await job(/#\/jobs\/([0-9a-f-]{36})/.exec(page.url())?.[1] ?? '');
    expect(fork.start).toMatchObject({ job: id, arm: 'control', step: 1410 });
    expect(fork.spec.intervention.direction).toBe('feminine-to-masculine');
    expect(fork.spec.window).toEqual({ steps: 12 });
    await parent.click();
    await page.getByRole('heading', { name: 'the parent', level: 1, exact: true }).waitFor();
    await page.close();
  });

  it('fork it to the end of its window when nothing else is said, from a checkpoint before that end', async () => {
    const { page, complaints } = await openJob({ state: 'succeeded', spec: { name: 'as it is' } });
    await press(page, 'Fork…');
    const steps = page.getByLabel('Steps to train');
    const isValid = () => steps.evaluate((field: HTMLInputElement) => field.checkValidity());
    await page.getByLabel('Checkpoint').selectOption({ label: 'control, step 1,430 (the end of the window)' });
    expect(await isValid()).toBe(false); // nothing of the window is left
    await page.getByRole('button', { name: 'Not now' }).click();
    await press(page, 'Fork…');
    expect(await isValid()).toBe(true);
    await page.getByRole('button', { name: 'Submit the fork' }).click();
    await page.getByRole('heading', { name: /^as it is, from \w+ at step 1410$/, level: 1 }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('change its name, priority and tags while it waits', async () => {
    const { id, page, complaints } = await openJob({ state: 'queued', spec: { name: 'unnamed', tags: ['first'] } });
    await press(page, 'Change…');
    const form = page.getByRole('dialog', { name: 'Change this job' });
    expect(await form.getByLabel('Tags').inputValue()).toBe('first');
    await form.getByLabel('Name').fill('named');
    await form.getByLabel('Priority').fill('7');
    await form.getByLabel('Tags').fill('first, second third');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'named', level: 1 }).waitFor();
    await page.locator('.facts').getByText('Priority').waitFor();
    expect(await job(id)).toMatchObject({ name: 'named', priority: 7, tags: ['first', 'second', 'third'] });
    expect(complaints).toEqual([]);

    await press(page, 'Change…');
    await form.getByLabel('Tags').fill('first !');
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByRole('alert').getByText('Tags › 2: a tag has at most 50 letters').waitFor();
    await form.getByRole('button', { name: 'Not now' }).click();
    expect((await job(id)).tags).toEqual(['first', 'second', 'third']);
    await page.close();
  });

  it.each([
    ['Pause', { state: 'queued' }, 'cancel', 'is over: it was cancelled'],
    ['Resume', { state: 'paused' }, 'cancel', 'is cancelled: only a paused job is resumed'],
    ['Retry from the last checkpoint', { state: 'failed', reason: 'storage' }, 'retry', 'only a failed job is retried'],
    ['Archive', { state: 'failed', reason: 'storage' }, 'retry', 'only a job that is over is archived'],
  ] as const)(
    'say beside “%s” why it is refused after another did something else',
    async (button, row, order, words) => {
      const { id, page } = await openJob({ ...row, numSteps: TO - 1400 });
      await page.getByRole('button', { name: button, exact: true }).waitFor();
      await deafen(page, id);
      expect((await real.service.post(`/jobs/${id}/${order}`, undefined)).status).toBe(202);
      await press(page, button);
      await expect.poll(() => refusalAt(page, button)).toContain(words);
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await page.close();
    },
  );
});
