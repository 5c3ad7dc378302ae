// The rows of the list of jobs: read page by page, and what is in view read again while one looks, so that thousands of jobs cost no more
// than those that are seen.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api, type Job, type JobFilter, type JobList } from './api.ts';
import { asError } from './api-call.ts';
import { onReturn } from './connection.ts';

const REFRESH_EVERY_MS = 4_000;
const FIRST_PAGE = 50;
const OLDER_PAGE = 200;
/** Rows that are read again at most, and for new jobs above them. */
const MOST_REFRESHED = 100;
const NEW_JOBS = 20;

export interface RowsInView {
  readonly first: number;
  readonly last: number;
}

export interface LoadedJobs {
  readonly rows: readonly Job[];
  readonly hasMore: boolean;
}

export interface JobRows {
  /** Undefined until the first answer; of the filter before while another is on the way. */
  readonly loaded: LoadedJobs | undefined;
  readonly isOld: boolean;
  readonly error: Error | undefined;
  readonly isLoadingMore: boolean;
  readonly loadMore: () => void;
  /** Reads what is in view again. */
  readonly refresh: () => void;
}

/** The rows with one page of them read anew: the page that follows the job `after`, or the first one. */
export function withPage({ rows, hasMore }: LoadedJobs, after: string | null, page: JobList): LoadedJobs {
  const start = after === null ? 0 : rows.findIndex(({ id }) => id === after) + 1;
  if (after !== null && start === 0) return { rows, hasMore }; // that job has left the list meanwhile
  const ids = new Set(page.jobs.map(({ id }) => id));
  const known = rows.findLastIndex(({ id }) => ids.has(id));
  const isEnd = page.nextCursor === null;
  const isApart = known < start && start < rows.length; // so much is new that rows in between were not read
  const end = isEnd || isApart ? rows.length : Math.max(start, known + 1);
  const above = rows.slice(0, start).filter(({ id }) => !ids.has(id));
  const below = rows.slice(end);
  return { rows: [...above, ...page.jobs, ...below], hasMore: below.length > 0 ? hasMore : !isEnd };
}

/** The list of a filter, kept fresh. `inView` says which rows are looked at. */
export function useJobRows(filter: JobFilter, inView: { readonly current: RowsInView }): JobRows {
  const key = JSON.stringify(filter);
  const [state, setState] = useState<{ key: string; loaded?: LoadedJobs; error?: Error }>({ key: '' });
  const [isLoadingMore, setIsLoadingMore] = useState(false);
  const current = useRef({ key, filter, state });
  current.current = { key, filter, state };

  /** Reads a page into the rows, unless the filter has changed meanwhile. */
  const read = useCallback(async (after: string | null, limit: number) => {
    const asked = current.current;
    const settle = (next: (before: LoadedJobs | undefined) => { loaded?: LoadedJobs; error?: Error }) => {
      if (current.current.key !== asked.key) return;
      setState((before) => ({ key: asked.key, ...next(before.key === asked.key ? before.loaded : undefined) }));
    };
    try {
      const page = await api.jobs(asked.filter, { limit, cursor: after ?? undefined });
      settle((before) => ({ loaded: withPage(before ?? { rows: [], hasMore: true }, after, page) }));
    } catch (error) {
      settle((before) => ({ ...(before !== undefined && { loaded: before }), error: asError(error) }));
    }
  }, []);

  const refresh = useCallback(() => {
    const { loaded } = current.current.state;
    const rows = current.current.state.key === current.current.key ? (loaded?.rows ?? []) : [];
    const first = Math.min(inView.current.first, rows.length);
    const limit = Math.min(MOST_REFRESHED, Math.max(NEW_JOBS, inView.current.last - first + 1));
    const above = rows[first - 1];
    if (above === undefined) void read(null, Math.max(limit, FIRST_PAGE));
    else void Promise.all([read(null, NEW_JOBS), read(above.id, limit)]);
  }, [inView, read]);

  useEffect(() => {
    void read(null, FIRST_PAGE);
    const askIfSeen = () => {
      if (!document.hidden) refresh();
    };
    const timer = setInterval(askIfSeen, REFRESH_EVERY_MS);
    document.addEventListener('visibilitychange', askIfSeen);
    const stop = onReturn(askIfSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', askIfSeen);
      stop();
    };
  }, [key, read, refresh]);

  const loadMore = useCallback(() => {
    const last = current.current.state.loaded?.rows.at(-1);
    if (last === undefined) return;
    setIsLoadingMore(true);
    void read(last.id, OLDER_PAGE).finally(() => setIsLoadingMore(false));
  }, [read]);

  const isOld = state.key !== key;
  return { loaded: state.loaded, isOld, error: isOld ? undefined : state.error, isLoadingMore, loadMore, refresh };
}
