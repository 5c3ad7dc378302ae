// One job: what it is, how far it is, what it found, and how that can be believed. Its parts are tabs; which one is shown is in the address.
import { useEffect, useRef } from 'preact/hooks';
import type { Job } from '../api.ts';
import { ScoreChart } from '../charts/score-chart.tsx';
import { TrainingCharts } from '../charts/training-charts.tsx';
import './job-page.css';
import { shareDone } from '../job-words.ts';
import { isFinal, useLiveJob, type LiveJob } from '../live-job.ts';
import { ArmProgressList } from '../parts/arm-progress.tsx';
import { EditsPanel } from '../parts/edits-panel.tsx';
import { FailureNotice } from '../parts/failure-notice.tsx';
import { FilesPanel } from '../parts/files-panel.tsx';
import { ItemsPanel } from '../parts/items-panel.tsx';
import { JobActions } from '../parts/job-actions.tsx';
import { JobFacts } from '../parts/job-facts.tsx';
import { Notice } from '../parts/notice.tsx';
import { ResultPanel } from '../parts/result-panel.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { TabBar } from '../parts/tab-bar.tsx';
import { TimelinePanel } from '../parts/timeline-panel.tsx';
import { routeLink } from '../route.ts';

interface Props {
  id: string;
  settings: Readonly<Record<string, string>>;
}

const TABS = [
  { key: 'result', title: 'Result' },
  { key: 'training', title: 'Training' },
  { key: 'items', title: 'Items' },
  { key: 'edits', title: 'Edits' },
  { key: 'timeline', title: 'Timeline' },
  { key: 'files', title: 'Files' },
] as const;

type TabKey = (typeof TABS)[number]['key'];

export function JobPage({ id, settings }: Props) {
  const live = useLiveJob(id);
  const { job, error } = live;
  const title = job === undefined ? 'Job' : titleOf(job);
  useEffect(() => {
    document.title = `${title} – Tiresias`;
  }, [title]);
  return (
    <>
      <p class="crumbs">
        <a href={routeLink('')}>Jobs</a>
      </p>
      {error !== undefined && (
        <Notice tone="error" title={error.message}>
          <p>
            {job === undefined ? 'Check the address, or ' : 'What is shown may be old. The page asks again, or '}
            <a href={routeLink('')}>go back to all jobs</a>.
          </p>
        </Notice>
      )}
      {job === undefined && error === undefined && <p class="quiet-text">Loading the job…</p>}
      {job !== undefined && <JobView job={job} live={live} settings={settings} />}
    </>
  );
}

function titleOf(job: Job): string {
  return job.state === 'running' ? `${Math.floor(100 * shareDone(job))} % ${job.name}` : `${job.state}: ${job.name}`;
}

interface ViewProps extends Pick<Props, 'settings'> {
  job: Job;
  live: LiveJob;
}

function JobView({ job, live, settings }: ViewProps) {
  // Where the address does not say it: what one comes to see. It stays when the job ends meanwhile.
  const first = useRef<TabKey>(isFinal(job.state) ? 'result' : 'training');
  const tab = TABS.find(({ key }) => key === settings['tab'])?.key ?? first.current;
  return (
    <>
      <div class="page-head">
        <h1>{job.name}</h1>
        <JobActions job={job} onDone={live.refresh} />
      </div>
      <p class="state-line">
        <StateBadge state={job.state} /> <Connection live={live} />
        {typeof job.archivedAt === 'string' && <span class="minor">archived</span>}
        {(job.tags ?? []).map((one) => (
          <span class="minor" key={one}>
            #{one}
          </span>
        ))}
      </p>
      {job.state === 'failed' && <FailureNotice job={job} />}
      {job.state !== 'failed' && job.message !== null && <Notice tone="note" title={`Note: ${job.message}`} />}
      {typeof job.heldBy === 'string' && <Notice tone="note" title={`Waits: ${job.heldBy}`} />}
      <JobFacts job={job} />
      <ArmProgressList job={job} />
      <TabBar
        label="Parts of the job"
        tabs={TABS}
        current={tab}
        path={`jobs/${encodeURIComponent(job.id)}`}
        settings={{ ...settings, item: undefined }}
      />
      <section class="tab" aria-label={TABS.find(({ key }) => key === tab)?.title}>
        <TabView tab={tab} job={job} live={live} settings={settings} />
      </section>
    </>
  );
}

function TabView({ tab, job, live, settings }: ViewProps & { tab: TabKey }) {
  const { scores, curves, lossSpikes } = live;
  const hasEnded = isFinal(job.state);
  switch (tab) {
    case 'result':
      return (
        <>
          <h2>Result</h2>
          <ResultPanel job={job} scores={scores} />
          {scores !== undefined && scores.scores.length > 0 && <ScoreChart scores={scores} settings={settings} />}
        </>
      );
    case 'training':
      return (
        <TrainingCharts
          id={job.id}
          {...{ curves, lossSpikes, settings, hasEnded }}
          tokensPerStep={tokensPerStep(job)}
        />
      );
    case 'items':
      return <ItemsPanel job={job} scores={scores} settings={settings} />;
    case 'edits':
      return <EditsPanel job={job} settings={settings} />;
    case 'timeline':
      return <TimelinePanel job={job} />;
    case 'files':
      return <FilesPanel job={job} />;
  }
}

/** Tokens that each step reads, as the plan has it; null before there is one. */
function tokensPerStep({ plan }: Job): number | null {
  const [rows, length] = [plan?.['rowsPerStep'], plan?.['seqLength']];
  return typeof rows === 'number' && typeof length === 'number' ? rows * length : null;
}

function Connection({ live }: { live: LiveJob }) {
  if (live.connection === 'closed') return null;
  return (
    <span class="minor" role="status">
      {live.connection === 'open' ? 'live' : 'connecting to the live figures…'}
    </span>
  );
}
