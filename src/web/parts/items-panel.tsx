// The items behind the scores, two arms side by side: sorted by change, searched and filtered by the server, one page at a time.
import { useRef } from 'preact/hooks';
import type { Job, Scores } from '../api.ts';
import { formatCount } from '../format.ts';
import { itemSets, MARGIN_WORDS, PAGE_SIZE, readItemSettings, type ItemSettings } from '../item-settings.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { records, type ComparedItems, type ItemSet } from '../records.ts';
import { setSetting } from '../route.ts';
import { placeKey } from '../scores.ts';
import { ItemFilters } from './item-filters.tsx';
import { ItemTable } from './item-table.tsx';
import { ItemView } from './item-view.tsx';
import { Notice } from './notice.tsx';

interface Props {
  job: Job;
  scores: Scores | undefined;
  settings: Readonly<Record<string, string>>;
}

const REFRESH_EVERY_MS = 20_000;

export function ItemsPanel({ job, scores, settings }: Props) {
  if (scores === undefined) return <p class="quiet-text">Loading the scores…</p>;
  const sets = itemSets(scores);
  const set = sets.find((one) => placeKey(one) === settings['set']) ?? sets[0];
  if (set === undefined) {
    return (
      <Notice tone="empty" title={isFinal(job.state) ? 'Nothing was scored' : 'No item has been scored yet'}>
        <p>
          {isFinal(job.state)
            ? 'The job ended before its first evaluation: there are no items to compare.'
            : 'The first evaluation comes after the checkpoint is loaded; its items appear here by themselves.'}
        </p>
      </Notice>
    );
  }
  const chosen = readItemSettings(settings);
  if (chosen.item !== undefined) return <ItemView job={job} set={set} index={chosen.item} settings={settings} />;
  return <ComparedList job={job} sets={sets} set={set} chosen={chosen} settings={settings} />;
}

interface ListProps extends Pick<Props, 'job' | 'settings'> {
  sets: readonly ItemSet[];
  set: ItemSet;
  chosen: ItemSettings;
}

function ComparedList({ job, sets, set, chosen, settings }: ListProps) {
  const { step, arm, baseline, sort, text, biasType, occupation, turned, page } = chosen;
  const query = { step, arm, baseline, sort, text, biasType, occupation, turned };
  const ask = () => records.comparedItems(job.id, set, { ...query, offset: page * PAGE_SIZE, limit: PAGE_SIZE });
  const key = JSON.stringify([job.id, placeKey(set), query, page]);
  const { data: newest, error } = usePolled(ask, key, isFinal(job.state) ? 0 : REFRESH_EVERY_MS);
  // What was shown stays in sight while the next is on its way, unless it is of another set.
  const held = useRef<{ set: string; data: ComparedItems } | undefined>(undefined);
  if (newest !== undefined) held.current = { set: placeKey(set), data: newest };
  const data = error === undefined && held.current?.set === placeKey(set) ? held.current.data : newest;
  return (
    <>
      <ItemFilters
        {...{ sets, set, chosen }}
        known={newest}
        arms={job.arms.map((run) => run.arm)}
        key={placeKey(set)}
      />
      {error !== undefined && data === undefined && (
        <Notice tone="error" title={error.message}>
          <p>Choose another benchmark, step or pair of arms above.</p>
        </Notice>
      )}
      {data === undefined && error === undefined && <p class="quiet-text">Loading the items…</p>}
      {data !== undefined && <Found {...{ data, job, page, settings }} />}
    </>
  );
}

interface FoundProps extends Pick<Props, 'job' | 'settings'> {
  data: ComparedItems;
  page: number;
}

function Found({ data, job, page, settings }: FoundProps) {
  const { numMatching, numItems, items, unit } = data;
  if (numMatching === 0) {
    return (
      <Notice tone="empty" title="No item is like that">
        <p>
          {formatCount(numItems)} items were scored; take a filter away, or search for less.{' '}
          {data.textsMissing !== null && `Their texts cannot be searched: ${data.textsMissing}`}
        </p>
      </Notice>
    );
  }
  const first = page * PAGE_SIZE;
  const numPages = Math.ceil(numMatching / PAGE_SIZE);
  return (
    <>
      <p class="minor" role="status">
        {formatCount(numMatching)} of {formatCount(numItems)} items; {first + 1} to {first + items.length} are shown.
        Figures are {unit === null ? '' : MARGIN_WORDS[unit]}.
      </p>
      {data.textsMissing !== null && <p class="help">No texts: {data.textsMissing}</p>}
      <ItemTable data={data} job={job} settings={settings} />
      {numPages > 1 && <Pages page={page} numPages={numPages} />}
    </>
  );
}

function Pages({ page, numPages }: { page: number; numPages: number }) {
  const show = (next: number) => setSetting('page', next === 0 ? undefined : String(next + 1));
  return (
    <nav class="pages" aria-label="Pages of items">
      <button type="button" disabled={page === 0} onClick={() => show(page - 1)}>
        Previous
      </button>
      <span class="figure">
        page {formatCount(page + 1)} of {formatCount(numPages)}
      </span>
      <button type="button" disabled={page + 1 >= numPages} onClick={() => show(page + 1)}>
        Next
      </button>
    </nav>
  );
}
