// Which rows of a long table are drawn: those in view and some around them. Rows may be of any height: what was drawn is measured, the
// rest is taken to be as high as those on average.
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Pixels drawn above and below the view, so that scrolling shows no gap. */
const MARGIN_PX = 700;
/** So many rows away one that has the focus is still drawn. */
const MOST_KEPT = 120;
const FIRST_GUESS_PX = 76;
/** What an element scrolls by does not bubble. */
const SCROLLING = { passive: true, capture: true };

export interface RowWindow {
  /** Rows drawn, `last` not among them. */
  readonly first: number;
  readonly last: number;
  /** Heights of what is left out. */
  readonly abovePx: number;
  readonly belowPx: number;
}

/** The window over rows of these heights, of which `topPx` to `bottomPx` are to be seen. */
export function windowOver(heights: readonly number[], topPx: number, bottomPx: number): RowWindow {
  let [at, first, abovePx] = [0, 0, 0];
  while (first < heights.length && at + heights[first]! <= topPx) at += heights[first++]!; // below their number
  abovePx = at;
  let last = first;
  while (last < heights.length && at < bottomPx) at += heights[last++]!; // below their number
  const belowPx = heights.slice(last).reduce((sum, height) => sum + height, 0);
  return { first, last, abovePx, belowPx };
}

/** The window of a table's body over rows of these ids, which stand in `data-id` of drawn rows; it follows scrolling, of the page or of what the table is in. Up to `mostWhole` rows are all drawn. */
export function useRowWindow(ids: readonly string[], mostWhole = 0) {
  const body = useRef<HTMLTableSectionElement>(null);
  const measured = useRef(new Map<string, number>());
  const [view, setView] = useState({ topPx: 0, bottomPx: 1_000 });
  const [, redraw] = useState(0);
  const [focusedId, setFocusedId] = useState<string>();

  const look = useCallback(() => {
    if (body.current === null) return;
    const topPx = -body.current.getBoundingClientRect().top;
    setView((before) => {
      const next = { topPx: topPx - MARGIN_PX, bottomPx: topPx + innerHeight + MARGIN_PX };
      const isNear =
        Math.abs(next.topPx - before.topPx) < MARGIN_PX / 3 &&
        Math.abs(next.bottomPx - before.bottomPx) < MARGIN_PX / 3;
      return isNear ? before : next;
    });
  }, []);
  useEffect(() => {
    let frame = 0;
    const lookSoon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        look();
      });
    };
    look();
    addEventListener('scroll', lookSoon, SCROLLING);
    addEventListener('resize', lookSoon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('scroll', lookSoon, SCROLLING);
      removeEventListener('resize', lookSoon);
    };
  }, [look]);

  useLayoutEffect(() => {
    if (measure(body.current, measured.current)) redraw((count) => count + 1);
  });
  const known = [...measured.current.values()];
  const guess = known.length === 0 ? FIRST_GUESS_PX : known.reduce((sum, height) => sum + height, 0) / known.length;
  const heights = ids.map((id) => measured.current.get(id) ?? guess);
  const focused = focusedId === undefined ? -1 : ids.indexOf(focusedId);
  const whole = { first: 0, last: ids.length, abovePx: 0, belowPx: 0 };
  return {
    ...(ids.length <= mostWhole ? whole : withRow(windowOver(heights, view.topPx, view.bottomPx), focused, heights)),
    body,
    onFocusIn: (event: FocusEvent) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-id]') : null;
      setFocusedId(row?.dataset['id']);
    },
  };
}

/** Notes how high drawn rows are, by where the next one begins; true when one was not known so. */
function measure(body: HTMLElement | null, measured: Map<string, number>): boolean {
  let isNew = false;
  for (const row of body?.querySelectorAll<HTMLElement>('[data-id]') ?? []) {
    const next = row.nextElementSibling;
    const id = row.dataset['id'];
    if (id === undefined || next === null) continue;
    const height = next.getBoundingClientRect().top - row.getBoundingClientRect().top;
    if (Math.abs((measured.get(id) ?? 0) - height) < 1) continue;
    measured.set(id, height);
    isNew = true;
  }
  return isNew;
}

/** The window widened to a row that is not far from it. */
function withRow(window: RowWindow, row: number, heights: readonly number[]): RowWindow {
  const { first, last } = window;
  const isFar = row < first - MOST_KEPT || row > last + MOST_KEPT;
  if (row < 0 || isFar || (row >= first && row < last)) return window;
  const sum = (from: number, to: number) => heights.slice(from, to).reduce((total, height) => total + height, 0);
  if (row < first) return { ...window, first: row, abovePx: sum(0, row) };
  return { ...window, last: row + 1, belowPx: sum(row + 1, heights.length) };
}
