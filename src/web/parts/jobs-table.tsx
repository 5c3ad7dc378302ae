// The table of jobs, of which only the rows in view are drawn. The roles say again what the tags mean, because on a phone the rows are laid
// out as cards and browsers then forget it.
import { useEffect } from 'preact/hooks';
import type { Job } from '../api.ts';
import type { RowsInView } from '../job-list.ts';
import { COLUMNS, type Column } from '../jobs-view.ts';
import { useNow } from '../polling.ts';
import { useRowWindow } from '../row-window.ts';
import { JobRow } from './job-row.tsx';
import { RowGap } from './row-gap.tsx';

interface Props {
  jobs: readonly Job[];
  isComplete: boolean;
  isOld: boolean;
  columns: readonly Column[];
  chosen: ReadonlySet<string>;
  onChoose: (ids: readonly string[], isChosen: boolean) => void;
  /** Kept at the rows that are drawn. */
  inView: { current: RowsInView };
}

export function JobsTable({ jobs, isComplete, isOld, columns, chosen, onChoose, inView }: Props) {
  const nowMs = useNow();
  const { first, last, abovePx, belowPx, body, onFocusIn } = useRowWindow(jobs.map(({ id }) => id));
  useEffect(() => {
    inView.current = { first, last: last - 1 };
  }, [first, last, inView]);
  const areAllChosen = jobs.length > 0 && jobs.every(({ id }) => chosen.has(id));
  return (
    <table
      class={isOld ? 'jobs is-old' : 'jobs'}
      role="table"
      aria-label="Jobs"
      aria-busy={isOld}
      aria-rowcount={isComplete ? jobs.length + 1 : -1}
    >
      <thead role="rowgroup">
        <tr role="row" aria-rowindex={1}>
          <th role="columnheader" scope="col" class="job-choice">
            <input
              type="checkbox"
              aria-label="Choose all loaded jobs"
              checked={areAllChosen}
              onChange={(event) =>
                onChoose(
                  jobs.map(({ id }) => id),
                  event.currentTarget.checked,
                )
              }
            />
          </th>
          <th role="columnheader" scope="col">
            Job
          </th>
          {columns.map((column) => (
            <th role="columnheader" scope="col" key={column}>
              {COLUMNS[column]}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body} onFocusIn={onFocusIn}>
        <RowGap key="above" heightPx={abovePx} />
        {jobs.slice(first, last).map((job, i) => (
          <JobRow
            key={job.id}
            {...{ job, columns, nowMs, place: first + i + 1, isChosen: chosen.has(job.id) }}
            onChoose={(isChosen) => onChoose([job.id], isChosen)}
          />
        ))}
        <RowGap key="below" heightPx={belowPx} />
      </tbody>
    </table>
  );
}
