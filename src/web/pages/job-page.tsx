// One job: what it is, how far it is, what it found, and how that can be believed.
import { useEffect } from 'preact/hooks';
import { manifestAddress, type Job } from '../api.ts';
import { ScoreChart } from '../charts/score-chart.tsx';
import { TrainingCharts } from '../charts/training-charts.tsx';
import { shareDone } from '../job-words.ts';
import { isFinal, useLiveJob, type LiveJob } from '../live-job.ts';
import { ArmProgressList } from '../parts/arm-progress.tsx';
import { CancelButton } from '../parts/cancel-button.tsx';
import { EditsPanel } from '../parts/edits-panel.tsx';
import { FailureNotice } from '../parts/failure-notice.tsx';
import { JobFacts } from '../parts/job-facts.tsx';
import { Notice } from '../parts/notice.tsx';
import { ResultPanel } from '../parts/result-panel.tsx';
import { SpecPanel } from '../parts/spec-panel.tsx';
import { StateBadge } from '../parts/state-badge.tsx';
import { routeLink } from '../route.ts';

interface Props {
  id: string;
  settings: Readonly<Record<string, string>>;
}

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

function JobView({ job, live, settings }: { job: Job; live: LiveJob; settings: Props['settings'] }) {
  const { scores, curves } = live;
  const hasEnded = isFinal(job.state);
  return (
    <>
      <div class="page-head">
        <h1>{job.name}</h1>
        <p class="actions">
          {!hasEnded && job.state !== 'cancelling' && (
            <CancelButton id={job.id} name={job.name} onDone={live.refresh} />
          )}
          <a class="button" href={routeLink('new', { from: job.id })}>
            Use as template
          </a>
          {job.attempt > 0 && (
            <a class="button" href={manifestAddress(job.id)}>
              Manifest (JSON)
            </a>
          )}
        </p>
      </div>
      <p class="state-line">
        <StateBadge state={job.state} /> <Connection live={live} />
      </p>
      {job.state === 'failed' && <FailureNotice job={job} onRetry={live.refresh} />}
      {job.state === 'succeeded' && job.message !== null && <Notice tone="note" title={`Note: ${job.message}`} />}
      <JobFacts job={job} />
      <ArmProgressList job={job} />

      <section aria-labelledby="result">
        <h2 id="result">Result</h2>
        <ResultPanel job={job} scores={scores} />
      </section>
      {scores !== undefined && scores.scores.length > 0 && (
        <section aria-labelledby="scores-over-steps">
          <h2 id="scores-over-steps">Scores over steps</h2>
          <ScoreChart scores={scores.scores} chosen={settings['metric']} />
        </section>
      )}
      <section aria-labelledby="training">
        <h2 id="training">Training</h2>
        <TrainingCharts curves={curves} isSmooth={settings['smooth'] !== '0'} hasEnded={hasEnded} />
      </section>
      <section aria-labelledby="proof">
        <h2 id="proof">Proof of intervention</h2>
        <EditsPanel job={job} rule={settings['rule']} />
      </section>
      <section aria-labelledby="spec">
        <h2 id="spec">Reproduce</h2>
        <SpecPanel job={job} />
      </section>
    </>
  );
}

function Connection({ live }: { live: LiveJob }) {
  if (live.connection === 'closed') return null;
  return (
    <span class="minor" role="status">
      {live.connection === 'open' ? 'live' : 'connecting to the live figures…'}
    </span>
  );
}
