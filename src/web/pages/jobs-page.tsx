// All jobs, newest first, kept fresh without moving what one is looking at.
import { useEffect, useState } from 'preact/hooks';
import type { JobState } from '../../job-spec.ts';
import { api, type Job, type JobFilter, type JobList } from '../api.ts';
import { usePolled, useNow } from '../polling.ts';
import { routeLink } from '../route.ts';
import { JobRow } from '../parts/job-row.tsx';
import { Notice } from '../parts/notice.tsx';

const REFRESH_EVERY_MS = 4_000;
const STATE_FILTERS: readonly (JobState | undefined)[] = [
  undefined,
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
];

/** The first `numPages` pages as one list, so that a refresh keeps everything that was already shown. */
async function loadPages(filter: JobFilter, numPages: number): Promise<JobList> {
  const jobs: Job[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < numPages; page += 1) {
    const list: JobList = await api.jobs(filter, cursor ?? undefined);
    jobs.push(...list.jobs);
    cursor = list.nextCursor;
    if (cursor === null) break;
  }
  return { jobs, nextCursor: cursor };
}

export function JobsPage({ state, sweep }: JobFilter) {
  const [numPages, setNumPages] = useState(1);
  const key = JSON.stringify([state, sweep]);
  const { data, error, refresh } = usePolled(() => loadPages({ state, sweep }, numPages), key, REFRESH_EVERY_MS);
  useEffect(() => {
    if (numPages > 1) refresh();
  }, [numPages, refresh]);
  useEffect(() => {
    document.title = 'Jobs – Tiresias';
  }, []);
  return (
    <>
      <div class="page-head">
        <h1>{sweep === undefined ? 'Jobs' : 'Jobs of one sweep'}</h1>
        <a class="button primary" href={routeLink('new')}>
          New job
        </a>
      </div>
      <StateFilter state={state} sweep={sweep} />
      {error !== undefined && (
        <Notice tone="error" title={error.message}>
          <p>The list below may be old. The page asks again every few seconds.</p>
        </Notice>
      )}
      {data === undefined && error === undefined && <p class="quiet-text">Loading the jobs…</p>}
      {data?.jobs.length === 0 && <NoJobs isFiltered={state !== undefined || sweep !== undefined} />}
      {data !== undefined && data.jobs.length > 0 && <JobTable jobs={data.jobs} />}
      {typeof data?.nextCursor === 'string' && (
        <p class="more">
          <button type="button" onClick={() => setNumPages(numPages + 1)}>
            Show older jobs
          </button>
        </p>
      )}
    </>
  );
}

function StateFilter({ state, sweep }: JobFilter) {
  return (
    <nav class="filters" aria-label="Filter by state">
      {STATE_FILTERS.map((choice) => (
        <a
          key={choice ?? 'all'}
          href={routeLink('', { state: choice, sweep })}
          aria-current={state === choice ? 'true' : undefined}
        >
          {choice ?? 'all'}
        </a>
      ))}
    </nav>
  );
}

function NoJobs({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <Notice tone="empty" title="No job is in this state">
        <p>
          <a href={routeLink('')}>Show all jobs</a>
        </p>
      </Notice>
    );
  }
  return (
    <Notice tone="empty" title="No jobs yet">
      <p>
        A job replays a model’s next batches, rewrites their gendered pronouns, trains on and measures what that did.
        The defaults run a miniature Pythia with planted bias, in minutes, on this machine.
      </p>
      <p>
        <a class="button primary" href={routeLink('new')}>
          Start the first job
        </a>
      </p>
    </Notice>
  );
}

// The roles say again what the tags mean, because on a phone the rows are laid out as cards and browsers then forget it.
function JobTable({ jobs }: { jobs: readonly Job[] }) {
  const nowMs = useNow();
  return (
    <table class="jobs" role="table" aria-label="Jobs, newest first">
      <thead role="rowgroup">
        <tr role="row">
          {['Job', 'State', 'Model and window', 'Rewriting', 'Effect, pro-stereotype rate', 'Submitted'].map(
            (title) => (
              <th role="columnheader" scope="col" key={title}>
                {title}
              </th>
            ),
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {jobs.map((job) => (
          <JobRow job={job} nowMs={nowMs} key={job.id} />
        ))}
      </tbody>
    </table>
  );
}
