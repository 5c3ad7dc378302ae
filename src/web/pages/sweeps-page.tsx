// All sweeps, newest first: how far each is and what holds it.
import { useEffect } from 'preact/hooks';
import { formatAgo, formatMoment } from '../format.ts';
import { NewSweep } from '../parts/new-sweep.tsx';
import { Notice } from '../parts/notice.tsx';
import { SweepBadge, SweepProgress } from '../parts/sweep-badge.tsx';
import { useNow, usePolled } from '../polling.ts';
import { routeLink } from '../route.ts';
import { axisWords, budgetWords, holdWords } from '../sweeps/sweep-words.ts';
import { sweepsApi, type Sweep } from '../sweeps-api.ts';
import './sweep-page.css';

const REFRESH_EVERY_MS = 5_000;

export function SweepsPage() {
  const { data, error } = usePolled(sweepsApi.list, 'sweeps', REFRESH_EVERY_MS);
  useEffect(() => {
    document.title = 'Sweeps – Tiresias';
  }, []);
  return (
    <>
      <h1>Sweeps</h1>
      {error !== undefined && (
        <Notice tone="error" title={error.message}>
          <p>The list below may be old. The page asks again every few seconds.</p>
        </Notice>
      )}
      {data === undefined && error === undefined && <p class="quiet-text">Loading the sweeps…</p>}
      {data?.length === 0 && (
        <Notice tone="empty" title="No sweeps yet">
          <p>
            A sweep submits one job for every point of a grid, and draws what the points say together. The one below
            runs on a fresh machine: submit it as it is, or change it.
          </p>
        </Notice>
      )}
      {data !== undefined && data.length > 0 && <SweepTable sweeps={data} />}
      {data !== undefined && <NewSweep isOpen={data.length === 0} />}
    </>
  );
}

// The roles say again what the tags mean, because on a phone the rows are laid out as cards and browsers then forget it.
function SweepTable({ sweeps }: { sweeps: readonly Sweep[] }) {
  const nowMs = useNow();
  return (
    <table class="jobs sweeps" role="table" aria-label="Sweeps, newest first">
      <thead role="rowgroup">
        <tr role="row">
          {['Sweep', 'State', 'Grid', 'Limits', 'Submitted'].map((title) => (
            <th role="columnheader" scope="col" key={title}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {sweeps.map((sweep) => (
          <tr role="row" key={sweep.id}>
            <th role="rowheader" scope="row" class="job-name">
              <a href={routeLink(`sweeps/${encodeURIComponent(sweep.id)}`)}>{sweep.name}</a>
            </th>
            <td role="cell" class="sweep-state">
              <SweepBadge sweep={sweep} />
              <SweepProgress sweep={sweep} />
            </td>
            <td role="cell">{sweep.axes.length === 0 ? 'replicates' : sweep.axes.map(axisWords).join(' × ')}</td>
            <td role="cell">
              {sweep.maxParallel === null ? 'no limit at once' : `${sweep.maxParallel} at once`}
              <div class="minor">{holdWords(sweep) ?? budgetWords(sweep)}</div>
            </td>
            <td role="cell">
              <time dateTime={sweep.createdAt} title={formatMoment(sweep.createdAt)}>
                {formatAgo(sweep.createdAt, nowMs)}
              </time>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
