// One sweep: how far it is, its grid as a heat table, dose and response, the spread over seeds, and every result. Kept fresh without moving
// what one is looking at.
import { useEffect, useRef } from 'preact/hooks';
import type { Job } from '../api.ts';
import { metricRank } from '../metric-names.ts';
import { Notice } from '../parts/notice.tsx';
import { ResultRows } from '../parts/result-rows.tsx';
import { SweepBadge, SweepProgress } from '../parts/sweep-badge.tsx';
import { SweepFacts } from '../parts/sweep-facts.tsx';
import { FigureSelect, SweepGrid } from '../parts/sweep-grid.tsx';
import { DoseResponse, SeedSpread } from '../parts/sweep-plots.tsx';
import { SweepVerbs } from '../parts/sweep-verbs.tsx';
import { usePolled } from '../polling.ts';
import { routeLink } from '../route.ts';
import { metricKey } from '../scores.ts';
import { axesOf, KINDS } from '../sweeps/grid.ts';
import { isOver, numOver, sweepState } from '../sweeps/sweep-words.ts';
import { sweepsApi, type ResultRow, type Sweep, type SweepResults } from '../sweeps-api.ts';
import './sweep-page.css';

type Settings = Readonly<Record<string, string>>;

const REFRESH_EVERY_MS = 4_000;

export function SweepPage({ id, settings }: { id: string; settings: Settings }) {
  const { data, error, refresh } = usePolled(() => sweepsApi.sweep(id), id, REFRESH_EVERY_MS);
  const results = useResults(id, data?.sweep);
  useEffect(() => {
    const state = data === undefined ? '' : `${sweepState(data.sweep).words}: `;
    document.title = `${state}${data?.sweep.name ?? 'Sweep'} – Tiresias`;
  }, [data]);
  return (
    <>
      <p class="crumbs">
        <a href={routeLink('sweeps')}>All sweeps</a>
      </p>
      {error !== undefined && (
        <Notice tone="error" title={error.message}>
          <p>
            {data === undefined ? 'The address may be cut short.' : 'What is shown may be old; the page asks again.'}
          </p>
        </Notice>
      )}
      {data === undefined && error === undefined && <p class="quiet-text">Loading the sweep…</p>}
      {data !== undefined && (
        <>
          <div class="page-head">
            <h1>{data.sweep.name}</h1>
            <SweepVerbs sweep={data.sweep} onDone={refresh} />
          </div>
          <p class="state-line">
            <SweepBadge sweep={data.sweep} /> <a href={routeLink('', { sweep: id })}>Its jobs as a list</a>
          </p>
          <SweepProgress sweep={data.sweep} />
          <SweepFacts sweep={data.sweep} />
          <Results sweep={data.sweep} jobs={data.jobs} results={results} settings={settings} />
        </>
      )}
    </>
  );
}

/** The results, asked for anew when a job has ended: they are computed from the items of all jobs. */
function useResults(id: string, sweep: Sweep | undefined): SweepResults | Error | undefined {
  const { data, error, refresh } = usePolled(() => sweepsApi.results(id), id, 0);
  const ended = sweep === undefined ? undefined : numOver(sweep);
  const known = useRef(ended);
  useEffect(() => {
    if (known.current !== undefined && known.current !== ended) refresh();
    known.current = ended;
  }, [ended, refresh]);
  return data ?? error;
}

interface ResultsProps {
  sweep: Sweep;
  jobs: readonly Job[];
  results: SweepResults | Error | undefined;
  settings: Settings;
}

function Results({ sweep, jobs, results, settings }: ResultsProps) {
  const known = results instanceof Error ? undefined : results;
  const all = known === undefined ? [] : inOrder(known.rows);
  const keys = all.map(metricKey);
  const metric = keys.find((key) => key === settings['metric']) ?? keys[0];
  const kind = KINDS.find((one) => one === settings['kind']) ?? 'effect';
  const rows = all.filter((row) => metricKey(row) === metric);
  return (
    <>
      {results instanceof Error && <Notice tone="error" title={`No results: ${results.message}`} />}
      <section aria-labelledby="grid">
        <h2 id="grid">Grid</h2>
        {metric === undefined ? (
          <p class="quiet-text">
            {results === undefined
              ? 'Reading the results…'
              : isOver(sweep)
                ? 'No job of this sweep was scored at its end.'
                : 'No job has been scored at its end yet: cells show how far each is.'}
          </p>
        ) : (
          <FigureSelect all={all} chosen={metric} kind={kind} />
        )}
        <SweepGrid {...{ sweep, jobs, rows, kind, settings }} />
      </section>
      {known !== undefined && metric !== undefined && (
        <>
          <section aria-labelledby="dose">
            <h2 id="dose">Dose and response</h2>
            <DoseResponse results={known} metric={metric} kind={kind} axis={settings['x']} />
          </section>
          <section aria-labelledby="seeds">
            <h2 id="seeds">Model seeds</h2>
            <SeedSpread groups={known.replicates} metric={metric} />
          </section>
          <section aria-labelledby="results">
            <h2 id="results">Results</h2>
            <ResultRows sweep={sweep} axes={axesOf(sweep, jobs)} rows={rows} />
            {known.labels.map(({ label, detail }) => (
              <p class="help" key={label}>
                <span class="tag">{label}</span> {detail}
              </p>
            ))}
          </section>
        </>
      )}
    </>
  );
}

/** By the metrics' rank; in one metric as the server has them. */
function inOrder(rows: readonly ResultRow[]): ResultRow[] {
  return rows.toSorted((a, b) => metricRank(a.metric) - metricRank(b.metric));
}
