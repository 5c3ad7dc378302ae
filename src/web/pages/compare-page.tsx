// Jobs side by side: a pinned baseline, what they were asked for, every figure with its effect, plots, and paired tests of any two arms.
import { useEffect } from 'preact/hooks';
import { comparisonApi, type Comparison } from '../comparison-api.ts';
import { FIGURE_COLUMNS, PLACE_COLUMNS } from '../comparison/figure-columns.ts';
import { usePairs } from '../comparison/pairs.ts';
import { comparedFigures, type Against, type Extent } from '../comparison/rows.ts';
import {
  baselineOf,
  letterOf,
  listIn,
  MAX_JOBS,
  scoredSides,
  shownSides,
  sideKey,
  type Side,
} from '../comparison/sides.ts';
import { isFinal } from '../live-job.ts';
import { ComparePlots } from '../parts/compare-plots.tsx';
import { CompareSettings } from '../parts/compare-settings.tsx';
import { ConfigPanel } from '../parts/config-panel.tsx';
import { ExportButtons } from '../parts/export-buttons.tsx';
import { FigureTable } from '../parts/figure-table.tsx';
import { JobPicker } from '../parts/job-picker.tsx';
import { Notice } from '../parts/notice.tsx';
import { PairPanel } from '../parts/pair-panel.tsx';
import { ReplicatePanel } from '../parts/replicate-panel.tsx';
import { usePolled } from '../polling.ts';
import { setSetting } from '../route.ts';
import './compare-page.css';

type Settings = Readonly<Record<string, string>>;

/** Scores come at evaluations, which are minutes apart. */
const REFRESH_EVERY_MS = 20_000;

export function ComparePage({ settings }: { settings: Settings }) {
  const ids = listIn(settings['jobs']);
  useEffect(() => {
    document.title = 'Compare – Tiresias';
  }, []);
  return (
    <>
      <h1>Compare</h1>
      <JobPicker
        chosen={ids}
        most={MAX_JOBS}
        isOpen={ids.length === 0}
        onChange={(chosen) => setSetting('jobs', chosen.length === 0 ? undefined : chosen.join(','))}
      />
      {ids.length === 0 ? (
        <Notice tone="empty" title="No job is chosen">
          <p>
            Tick jobs above, or in the list of jobs. Their scores are put side by side, with what differs in their
            configuration, and any two of their arms can be tested item by item.
          </p>
        </Notice>
      ) : (
        <Compared ids={ids} settings={settings} />
      )}
    </>
  );
}

function Compared({ ids, settings }: { ids: readonly string[]; settings: Settings }) {
  const key = ids.join(',');
  const { data, error, refresh } = usePolled(() => comparisonApi.compare(ids), key, 0);
  const isLive = data?.jobs.some(({ state }) => !isFinal(state)) === true;
  useEffect(() => {
    if (!isLive) return;
    const timer = setInterval(() => !document.hidden && refresh(), REFRESH_EVERY_MS);
    return () => clearInterval(timer);
  }, [isLive, refresh]);
  if (data === undefined) {
    if (error === undefined) return <p class="quiet-text">Reading the scores of {ids.length} jobs…</p>;
    return (
      <Notice tone="error" title={error.message}>
        <p>A job in the address may not exist here, or may be named twice. Choose the jobs anew above.</p>
      </Notice>
    );
  }
  return <Comparing comparison={data} settings={settings} isLive={isLive} />;
}

interface ComparingProps {
  comparison: Comparison;
  settings: Settings;
  isLive: boolean;
}

function Comparing({ comparison, settings, isLive }: ComparingProps) {
  const sides = scoredSides(comparison);
  const baseline = baselineOf(sides, settings['baseline']);
  const shown = shownSides(sides, listIn(settings['arms']), baseline);
  const against: Against = settings['against'] === 'baseline' ? 'baseline' : 'control';
  const extent: Extent = settings['extent'] === 'halves' || settings['extent'] === 'all' ? settings['extent'] : 'whole';
  const pairs = usePairs(
    shown.map(sideKey),
    against === 'baseline' && baseline !== undefined ? sideKey(baseline) : undefined,
    versionOf(comparison),
  );
  const figures = comparedFigures({ comparison, sides: shown, baseline, against, pairs: pairs.found, extent });
  const words = againstWords(against, baseline);
  const groups = comparison.replicates.filter(({ jobs, refused }) => jobs.length > 1 || refused.length > 0);
  const jobs = baselineFirst(comparison, baseline);
  return (
    <>
      <CompareSettings {...{ comparison, sides, baseline, against, extent, isLive }} arms={listIn(settings['arms'])} />
      <section aria-labelledby="config">
        <h2 id="config">Configuration</h2>
        <ConfigPanel jobs={jobs} letters={lettersOf(comparison)} isAll={settings['config'] === 'all'} />
      </section>
      <section aria-labelledby="figures">
        <h2 id="figures">Figures</h2>
        {figures.length === 0 ? (
          <Notice tone="empty" title="Nothing of these jobs has been scored yet">
            <p>The first evaluation comes after a job has loaded its checkpoint; the page shows it by itself.</p>
          </Notice>
        ) : (
          <>
            <p class="help" role="status">
              {pairs.found.size < pairs.numAsked
                ? `Comparing item by item: ${pairs.found.size} of ${pairs.numAsked} arms…`
                : `Effects ${words}. Each p is ${figures.find(({ effect }) => effect !== null)?.effect?.pScope ?? 'of two trained models'}.`}
            </p>
            <FigureTable figures={figures} against={words} />
            <ExportButtons
              name="comparison"
              table={{
                columns: [...PLACE_COLUMNS, ...FIGURE_COLUMNS],
                rows: figures,
                notes: [`Effects ${words}. Intervals are 95 %. Rates are shares of items.`, ...labelNotes(comparison)],
              }}
            />
            <LabelNotes notes={labelNotes(comparison)} />
          </>
        )}
      </section>
      {groups.length > 0 && (
        <section aria-labelledby="replicates">
          <h2 id="replicates">Over seeds</h2>
          <ReplicatePanel groups={groups} jobs={comparison.jobs} />
        </section>
      )}
      {figures.length > 0 && (
        <section aria-labelledby="plots">
          <h2 id="plots">Plots</h2>
          <ComparePlots
            {...{ figures, groups, against: words }}
            isAgainstControl={against === 'control'}
            chosen={settings['figure']}
          />
        </section>
      )}
      <section aria-labelledby="pair">
        <h2 id="pair">Paired test</h2>
        <PairPanel sides={sides} a={settings['a']} b={settings['b']} />
      </section>
    </>
  );
}

/** Changes when a side may have other scores. */
function versionOf({ metrics }: Comparison): string {
  return [...new Set(metrics.flatMap(({ jobs }) => jobs.map(({ id, step }) => `${id} ${step}`)))].join(' ');
}

function againstWords(against: Against, baseline: Side | undefined): string {
  if (against === 'control' || baseline === undefined) return 'against its own control';
  return `against ${baseline.letter} ${baseline.job.name}, ${baseline.arm}`;
}

function baselineFirst({ jobs }: Comparison, baseline: Side | undefined) {
  return jobs.toSorted((a, b) => Number(b.id === baseline?.job.id) - Number(a.id === baseline?.job.id));
}

function lettersOf({ jobs }: Comparison): Map<string, string> {
  return new Map(jobs.map(({ id }, place) => [id, letterOf(place)]));
}

function labelNotes({ labels, jobs }: Comparison): string[] {
  const nameOf = (id: string) => jobs.find((job) => job.id === id)?.name ?? id;
  return [
    ...new Set(
      labels.map(
        ({ id, arm, benchmark, label, detail }) => `${label} (${nameOf(id)}, ${arm}, ${benchmark}): ${detail}`,
      ),
    ),
  ];
}

function LabelNotes({ notes }: { notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <details class="fold" open={notes.length <= 6}>
      <summary>What these figures must be read with</summary>
      {notes.map((note) => (
        <p class="help" key={note}>
          {note}
        </p>
      ))}
    </details>
  );
}
