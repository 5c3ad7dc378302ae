// The page: one frame around the view that the address names.
import { render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { JobPage } from './pages/job-page.tsx';
import { JobsPage } from './pages/jobs-page.tsx';
import { NewJobPage } from './pages/new-job-page.tsx';
import { SignInPage } from './pages/sign-in-page.tsx';
import { Notice } from './parts/notice.tsx';
import { routeLink, useRoute, type Route } from './route.ts';
import './style.css';

function View({ path, query }: Route) {
  const [view, id] = path;
  if (view === undefined) return <JobsPage state={query['state']} sweep={query['sweep']} />;
  if (view === 'new' && path.length === 1) return <NewJobPage template={query['from']} key={query['from'] ?? ''} />;
  if (view === 'sign-in' && path.length === 1) return <SignInPage token={query['token']} />;
  if (view === 'jobs' && id !== undefined && path.length === 2) return <JobPage id={id} settings={query} key={id} />;
  return (
    <Notice tone="empty" title="There is no such page">
      <p>
        The address may be cut short. <a href={routeLink('')}>All jobs</a> are on the first page.
      </p>
    </Notice>
  );
}

function Page() {
  const route = useRoute();
  const main = useRef<HTMLElement>(null);
  const place = route.path.join('/');
  const isFirst = useRef(true);
  useEffect(() => {
    // A new view starts at its top, for eyes and for screen readers; the first one is where the browser put it.
    if (!isFirst.current) {
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [place]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="site">
        <a class="wordmark" href={routeLink('')}>
          <EyeMark /> Tiresias
        </a>
        <nav aria-label="Main">
          <a href={routeLink('')} aria-current={place === '' ? 'page' : undefined}>
            Jobs
          </a>
          <a href={routeLink('new')} aria-current={place === 'new' ? 'page' : undefined}>
            New job
          </a>
          <a href="docs">API</a>
        </nav>
      </header>
      <main ref={main} tabIndex={-1}>
        <View {...route} />
      </main>
      <footer class="site">Effect = intervention − control. Intervals are 95 %. Rates are shares of items.</footer>
    </>
  );
}

function EyeMark() {
  return (
    <svg class="eye" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M2 16C6 8.500 11 6 16 6s10 2.500 14 10c-4 7.500-9 10-14 10S6 23.500 2 16Z" />
      <circle cx="16" cy="16" r="6" />
      <path class="pupil" d="M16 10a6 6 0 0 1 0 12Z" />
    </svg>
  );
}

const root = document.getElementById('app');
if (root === null) throw new Error('bug: index.html has no #app');
render(<Page />, root);
