// How long a view of the page takes by the browser's own clocks: time from the start of its loading, tasks that held it up, elements it has.
import type { Page } from 'playwright-core';

export interface Timing {
  /** From the start of the navigation to the frame in which the view was whole. */
  readonly openedMs: number;
  /** Tasks above 50 ms, which the browser calls long. */
  readonly longTasksMs: readonly number[];
  readonly numElements: number;
}

type Watched = typeof globalThis & { longTasksMs?: number[] };

/** Begins to note long tasks, in every document that the page opens from now on. */
export async function watchTasks(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const watched = globalThis as Watched;
    watched.longTasksMs = [];
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) watched.longTasksMs!.push(duration); // set above
    }).observe({ type: 'longtask', buffered: true });
  });
}

/** Waits until as many elements fit the selector, and answers how it came there. */
export async function openedAfter(page: Page, selector: string, numWanted: number): Promise<Timing> {
  const moment = await page.waitForFunction(
    ([wanted, num]) => document.querySelectorAll(wanted).length >= num && performance.now(),
    [selector, numWanted] as const,
    { polling: 'raf', timeout: 60_000 },
  );
  return { openedMs: Number(await moment.jsonValue()), ...(await countNow(page)) };
}

/** The long tasks since the document began, and its elements now. */
export async function countNow(page: Page): Promise<Omit<Timing, 'openedMs'>> {
  return page.evaluate(() => ({
    longTasksMs: (globalThis as Watched).longTasksMs ?? [],
    numElements: document.querySelectorAll('*').length,
  }));
}
