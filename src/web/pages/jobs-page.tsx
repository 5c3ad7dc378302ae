// All jobs, newest first, kept fresh without moving what one is looking at.
import { useEffect, useRef } from 'preact/hooks';
import { useJobRows, type LoadedJobs } from '../job-list.ts';
import { changeChosen, isFiltered, readJobsView } from '../jobs-view.ts';
import { formatCount } from '../format.ts';
import { ChosenJobs } from '../parts/chosen-jobs.tsx';
import { JobsFilter } from '../parts/jobs-filter.tsx';
import { JobsTable } from '../parts/jobs-table.tsx';
import { Notice } from '../parts/notice.tsx';
import { routeLink } from '../route.ts';
import './jobs.css';

export function JobsPage({ settings }: { settings: Readonly<Record<string, string>> }) {
  const { filter, columns, chosen } = readJobsView(settings);
  const inView = useRef({ first: 0, last: 0 });
  const { loaded, isOld, error, isLoadingMore, loadMore, refresh } = useJobRows(filter, inView);
  useEffect(() => {
    document.title = 'Jobs – Tiresias';
  }, []);
  const rows = loaded?.rows ?? [];
  const tags = [...new Set(rows.flatMap((job) => job.tags ?? []))].toSorted();
  const senders = [...new Set(rows.flatMap((job) => job.submittedBy?.name ?? []))].toSorted();
  const choose = (ids: readonly string[], isChosen: boolean) =>
    changeChosen(isChosen ? [...new Set([...chosen, ...ids])] : chosen.filter((id) => !ids.includes(id)));
  const hasList = rows.length > 0 || isFiltered(filter);
  return (
    <>
      <div class="page-head">
        <h1>{filter.sweep === undefined ? 'Jobs' : 'Jobs of one sweep'}</h1>
        <a class="button primary" href={routeLink('new')}>
          New job
        </a>
      </div>
      {hasList && <JobsFilter {...{ filter, columns, tags, senders }} />}
      {error !== undefined && (
        <Notice tone="error" title={error.message}>
          <p>The list below may be old. The page asks again every few seconds.</p>
        </Notice>
      )}
      {loaded === undefined && error === undefined && <p class="quiet-text">Loading the jobs…</p>}
      <ChosenJobs ids={chosen} jobs={rows.filter(({ id }) => chosen.includes(id))} onChanged={refresh} />
      {loaded !== undefined && rows.length === 0 && <NoJobs isFiltered={isFiltered(filter)} />}
      {loaded !== undefined && rows.length > 0 && (
        <>
          <JobsTable
            {...{ jobs: rows, isComplete: !loaded.hasMore, isOld, columns, inView }}
            chosen={new Set(chosen)}
            onChoose={choose}
          />
          <ListEnd loaded={loaded} isLoading={isLoadingMore} onMore={loadMore} />
        </>
      )}
    </>
  );
}

interface EndProps {
  loaded: LoadedJobs;
  isLoading: boolean;
  onMore: () => void;
}

function ListEnd({ loaded: { rows, hasMore }, isLoading, onMore }: EndProps) {
  return (
    <div class="more">
      <p class="minor" role="status">
        {formatCount(rows.length)} {rows.length === 1 ? 'job' : 'jobs'}
        {hasMore ? ' so far' : ', that is all'}
      </p>
      {hasMore && (
        <button type="button" disabled={isLoading} onClick={onMore}>
          {isLoading ? 'Loading…' : 'Show older jobs'}
        </button>
      )}
    </div>
  );
}

function NoJobs({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <Notice tone="empty" title="No job is like this">
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
