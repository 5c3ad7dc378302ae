import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { hasChromium, useBench, type Bench } from './browser.ts';
import { makeEdits, makeJob, makeMetrics, makeRunningJob, makeScores, TO } from './fake-jobs.ts';

/** axe-core is asked for by path, because the tests run without it too. */
function findAxe(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('axe-core/axe.min.js');
  } catch {
    return undefined;
  }
}
const axePath = findAxe();

/** The form with faults of the server at two of its fields. */
async function showFaults(page: Page): Promise<void> {
  await page.getByLabel('Probability').fill('2');
  await page.getByRole('group', { name: 'Arms' }).getByLabel('control').uncheck();
  await page.getByRole('group', { name: 'Arms' }).getByLabel('published').uncheck();
  await page.getByRole('group', { name: 'Arms' }).getByLabel('intervention').uncheck();
  await page.getByRole('button', { name: 'Submit job' }).click();
  await page.getByText('The job was not accepted: 2 faults').waitFor();
}

/** What axe complains about in the page as it is. */
async function violationsIn(page: Page): Promise<unknown[]> {
  // Not as a script tag, which the page's content security policy rightly refuses.
  await page.evaluate(readFileSync(axePath!, 'utf8')); // the test is skipped without it
  return page.evaluate(async () => {
    const axe = (
      globalThis as unknown as {
        axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      }
    ).axe;
    return (await axe.run()).violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
  });
}

const bench = useBench();

describe.skipIf(!hasChromium)('every view, in Chromium', () => {
  const done = makeJob(1, 'succeeded', { name: 'done' });
  const running = makeRunningJob(0, 46);
  const views = [
    '#/',
    `#/?chosen=${done.id}&columns=state,tags,took`,
    '#/new',
    `#/jobs/${running.id}`,
    `#/jobs/${done.id}`,
  ];
  const open = async (hash: string, options: Parameters<Bench['open']>[2]) => {
    const opened = await bench.open([running, done], '', options);
    for (const job of [running, done]) {
      opened.api.state.scores.set(job.id, makeScores(TO));
      opened.api.state.metrics.set(job.id, makeMetrics(60));
      opened.api.state.edits.set(job.id, makeEdits(12));
    }
    await opened.page.goto(`${opened.api.address}${hash}`);
    await opened.page.reload();
    await opened.page.waitForLoadState('load');
    await opened.page.locator('tbody tr[data-id], tbody tr:not(.gap), form').first().waitFor();
    if (hash === '#/new') await opened.page.locator('.previewed ins').first().waitFor();
    return opened;
  };

  it('fits a phone without scrolling sideways', async () => {
    for (const hash of views) {
      const { page } = await open(hash, { viewport: { width: 390, height: 844 } });
      expect([hash, await page.evaluate(() => document.documentElement.scrollWidth)]).toEqual([hash, 390]);
    }
  });

  it('can be reached with the keyboard alone', async () => {
    const { page } = await open('#/', {});
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('New job');
    await page.keyboard.press('Enter');
    await page.getByLabel('Name', { exact: true }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN');
  });

  it('lets the keyboard alone fill in and submit a job', async () => {
    const { page, api } = await open('#/new', {});
    await page.locator('main').focus();
    /** Tabs on to the control of that id or name. */
    const tabTo = async (wanted: string) => {
      for (let numTabs = 0; numTabs < 60; numTabs += 1) {
        await page.keyboard.press('Tab');
        const found = await page.evaluate(() => {
          const at = document.activeElement;
          return [at?.id, at?.getAttribute('aria-label'), at?.textContent];
        });
        if (found.includes(wanted)) return;
      }
      throw new Error(`no control ${wanted} within 60 tabs`);
    };
    await tabTo('field-name');
    await page.keyboard.type('by keys');
    await tabTo('Checkpoint, on a logarithmic scale');
    await page.keyboard.press('ArrowLeft');
    await tabTo('Take step1330, which is here');
    await page.keyboard.press('Enter');
    await tabTo('field-intervention-probability');
    await page.keyboard.type('0.5');
    await tabTo('Another batch');
    await page.keyboard.press('Space');
    await tabTo('Submit job');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'by keys' }).waitFor();
    expect(api.state.submitted).toEqual([
      {
        ...{ name: 'by keys', model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' },
        intervention: { probability: 0.5 },
      },
    ]);
  });

  it.skipIf(axePath === undefined)(
    'has nothing for axe to complain about, light and dark',
    async () => {
      for (const hash of views) {
        for (const colorScheme of ['light', 'dark'] as const) {
          const { page } = await open(hash, { colorScheme });
          if (hash === '#/new') {
            expect([hash, colorScheme, await violationsIn(page)]).toEqual([hash, colorScheme, []]);
            await showFaults(page);
          }
          await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => (fold.open = true)));
          expect([hash, colorScheme, await violationsIn(page)]).toEqual([hash, colorScheme, []]);
        }
      }
    },
    120_000,
  );
});
