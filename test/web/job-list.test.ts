import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../src/web/api.ts';
import { withPage } from '../../src/web/job-list.ts';
import { windowOver } from '../../src/web/row-window.ts';

const jobsOf = (...ids: number[]) => ids.map((id) => ({ id: String(id) }) as Job); // all that a place needs
const idsOf = (rows: readonly Job[]) => rows.map(({ id }) => Number(id));

/** A server that lists `ids`, highest first. */
function pageOf(ids: readonly number[], after: number | null, limit: number) {
  const all = ids.toSorted((a, b) => b - a).filter((id) => after === null || id < after);
  const jobs = jobsOf(...all.slice(0, limit));
  return { jobs, nextCursor: all.length > limit ? (jobs.at(-1)?.id ?? null) : null };
}

describe('a list with one page read anew', () => {
  it('takes in what is new, drops what has left, and keeps what is below', () => {
    const loaded = { rows: jobsOf(9, 8, 7, 6, 5, 4), hasMore: true };
    const page = { jobs: jobsOf(10, 9, 7), nextCursor: '7' };
    expect(withPage(loaded, null, page)).toEqual({ rows: jobsOf(10, 9, 7, 6, 5, 4), hasMore: true });
    expect(withPage(loaded, '8', { jobs: jobsOf(6, 5), nextCursor: '5' }).rows).toEqual(jobsOf(9, 8, 6, 5, 4));
    expect(withPage(loaded, '4', { jobs: jobsOf(3, 2), nextCursor: null })).toEqual({
      rows: jobsOf(9, 8, 7, 6, 5, 4, 3, 2),
      hasMore: false,
    });
  });

  it('begins anew when so much is new that rows between were not read', () => {
    const loaded = { rows: jobsOf(3, 2, 1), hasMore: false };
    expect(withPage(loaded, null, { jobs: jobsOf(99, 98), nextCursor: '98' })).toEqual({
      rows: jobsOf(99, 98),
      hasMore: true,
    });
  });

  it('is what the server lists, in any order of reading', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
    fc.assert(
      fc.property(ids, ids, fc.integer({ min: 1, max: 7 }), (before, now, limit) => {
        let loaded = { rows: [] as readonly Job[], hasMore: true };
        const readAll = (server: readonly number[]) => {
          let after: number | null = null;
          do {
            const page = pageOf(server, after, limit);
            loaded = withPage(loaded, after === null ? null : String(after), page);
            after = page.nextCursor === null ? null : Number(page.nextCursor);
          } while (after !== null);
        };
        readAll(before);
        readAll(now);
        expect(idsOf(loaded.rows)).toEqual(now.toSorted((a, b) => b - a));
        expect(loaded.hasMore).toBe(false);
      }),
    );
  });
});

describe('the window over rows', () => {
  it('covers what is seen, and all heights are accounted for', () => {
    const heights = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(
        heights,
        fc.integer({ min: -500, max: 5_000 }),
        fc.integer({ min: 1, max: 900 }),
        (all, top, size) => {
          const { first, last, abovePx, belowPx } = windowOver(all, top, top + size);
          const sum = (from: number, to: number) => all.slice(from, to).reduce((total, height) => total + height, 0);
          expect(abovePx).toBe(sum(0, first));
          expect(belowPx).toBe(sum(last, all.length));
          for (const [row] of all.entries()) {
            const isSeen = sum(0, row + 1) > top && sum(0, row) < top + size;
            if (isSeen) expect(row >= first && row < last).toBe(true);
          }
        },
      ),
    );
  });
});
