// Which view an address names. The file of a view is loaded when it is first shown, so that opening the page fetches the frame alone.
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Notice } from './parts/notice.tsx';
import { routeLink, type Route } from './route.ts';

type ViewOf = ComponentType<Route>;

/** By place; `*` stands for an id. A view is the same component at every call of its loader, so that it keeps its state. */
const VIEWS: Readonly<Record<string, () => Promise<ViewOf>>> = {
  '': once(async () => {
    const { JobsPage } = await import('./pages/jobs-page.tsx');
    return ({ query }) => <JobsPage settings={query} />;
  }),
  new: once(async () => {
    const { NewJobPage } = await import('./pages/new-job-page.tsx');
    return ({ query }) => <NewJobPage template={query['from']} key={query['from'] ?? ''} />;
  }),
  'jobs/*': once(async () => {
    const { JobPage } = await import('./pages/job-page.tsx');
    return ({ path, query }) => <JobPage id={path[1]!} settings={query} key={path[1]} />; // the place has two parts
  }),
  compare: once(async () => {
    const { ComparePage } = await import('./pages/compare-page.tsx');
    return ({ query }) => <ComparePage settings={query} />;
  }),
  sweeps: once(async () => {
    const { SweepsPage } = await import('./pages/sweeps-page.tsx');
    return () => <SweepsPage />;
  }),
  'sweeps/*': once(async () => {
    const { SweepPage } = await import('./pages/sweep-page.tsx');
    return ({ path, query }) => <SweepPage id={path[1]!} settings={query} key={path[1]} />; // the place has two parts
  }),
  catalog: once(async () => {
    const { CatalogPage } = await import('./pages/catalog-page.tsx');
    return ({ query }) => <CatalogPage settings={query} />;
  }),
  'sign-in': once(async () => {
    const { SignInPage } = await import('./pages/sign-in-page.tsx');
    return ({ query }) => <SignInPage token={query['token']} />;
  }),
};

/** What the frame's navigation and its keys lead to; `key` follows `g`. */
export const PLACES: readonly { readonly title: string; readonly place: string; readonly key: string }[] = [
  { title: 'Jobs', place: '', key: 'j' },
  { title: 'New job', place: 'new', key: 'n' },
  { title: 'Sweeps', place: 'sweeps', key: 's' },
  { title: 'Compare', place: 'compare', key: 'c' },
  { title: 'Catalog', place: 'catalog', key: 'k' },
];

/** The view of an address; words while its file is on the way, and when it cannot be had. */
export function View(route: Route) {
  const load = viewAt(route.path);
  const [shown, setShown] = useState<{ load: typeof load; view?: ViewOf; isLost?: true }>({ load });
  useEffect(() => {
    let isCurrent = true;
    const show = (state: { view: ViewOf } | { isLost: true }) => isCurrent && setShown({ load, ...state });
    load?.().then(
      (view) => show({ view }),
      () => show({ isLost: true }),
    );
    return () => {
      isCurrent = false;
    };
  }, [load]);
  if (load === undefined) return <NoSuchPage />;
  if (shown.load !== load) return <p class="quiet-text">Loading…</p>;
  if (shown.isLost === true) return <LostView />;
  return shown.view === undefined ? <p class="quiet-text">Loading…</p> : <shown.view {...route} />;
}

function viewAt(path: readonly string[]): (() => Promise<ViewOf>) | undefined {
  const [view = '', ...more] = path;
  return VIEWS[[view, ...more.map(() => '*')].join('/')];
}

/** One call for all, and another only after a failure. */
function once(load: () => Promise<ViewOf>): () => Promise<ViewOf> {
  let loaded: Promise<ViewOf> | undefined;
  return () => {
    loaded ??= load().catch((error: unknown) => {
      loaded = undefined;
      throw error;
    });
    return loaded;
  };
}

function NoSuchPage() {
  return (
    <Notice tone="empty" title="There is no such page">
      <p>
        The address may be cut short. <a href={routeLink('')}>All jobs</a> are on the first page.
      </p>
    </Notice>
  );
}

function LostView() {
  return (
    <Notice tone="error" title="This part of the page could not be loaded">
      <p>The server may be away, or newer than this page.</p>
      <p>
        <button type="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      </p>
    </Notice>
  );
}
