// The facts of a job in one row: what it trains, on which attempt it is, and whether its worker lives.
import type { ComponentChildren } from 'preact';
import { api, type Job } from '../api.ts';
import { formatCount, formatDuration, formatMoment } from '../format.ts';
import { directionWords, policyWords, windowWords } from '../job-words.ts';
import { isFinal } from '../live-job.ts';
import { useNow, usePolled } from '../polling.ts';
import { jobLink, routeLink } from '../route.ts';
import { useEffect, useState } from 'preact/hooks';

const SILENT_AFTER_MS = 20_000;

export function JobFacts({ job }: { job: Job }) {
  const { spec } = job;
  return (
    <dl class="facts">
      <Fact name="Model">
        {spec.model} <span class="minor">{spec.checkpoint}</span>
      </Fact>
      <Fact name="Window">
        {windowWords(job)} <span class="minor">of {spec.dataset}</span>
      </Fact>
      <Fact name="Rewriting">
        {directionWords(spec)}{' '}
        <span class="minor">
          {policyWords(spec)}, seed {spec.intervention.seed}
        </span>
      </Fact>
      {job.start && (
        <Fact name="Forked from">
          <Parent id={job.start.job} />{' '}
          <span class="minor">
            {job.start.arm} at step {formatCount(job.start.step)}
          </span>
        </Fact>
      )}
      {job.priority !== 0 && <Fact name="Priority">{job.priority}</Fact>}
      <Fact name="Attempt">{job.attempt === 0 ? 'none yet' : job.attempt}</Fact>
      <Times job={job} />
      {job.submittedBy && <Fact name="Sent by">{job.submittedBy.name}</Fact>}
      {job.sweepId !== null && (
        <Fact name="Sweep">
          <a href={routeLink('', { sweep: job.sweepId })}>all its jobs</a>
        </Fact>
      )}
    </dl>
  );
}

/** By its name as it is now; by its id where it cannot be read. */
function Parent({ id }: { id: string }) {
  const { data, error } = usePolled(() => api.job(id), id, 0);
  return <a href={jobLink(id)}>{data?.name ?? (error === undefined ? '…' : id)}</a>;
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Times({ job }: { job: Job }) {
  const nowMs = useNow();
  if (job.startedAt === null) {
    return <Fact name="Submitted">{formatMoment(job.createdAt)}</Fact>;
  }
  const endMs = job.finishedAt === null ? nowMs : Date.parse(job.finishedAt);
  return (
    <>
      <Fact name={isFinal(job.state) ? 'Took' : 'Running for'}>
        {formatDuration((endMs - Date.parse(job.startedAt)) / 1000)}{' '}
        <span class="minor">from {formatMoment(job.startedAt)}</span>
      </Fact>
      {!isFinal(job.state) && <Heartbeat job={job} nowMs={nowMs} />}
    </>
  );
}

/** The age counts on between two answers of the server. */
function Heartbeat({ job, nowMs }: { job: Job; nowMs: number }) {
  const [heard, setHeard] = useState({ ageMs: job.heartbeatAgeMs, atMs: nowMs });
  useEffect(() => setHeard({ ageMs: job.heartbeatAgeMs, atMs: Date.now() }), [job]);
  if (heard.ageMs === null) return <Fact name="Last heartbeat">none yet</Fact>;
  const ageMs = heard.ageMs + Math.max(0, nowMs - heard.atMs);
  return (
    <Fact name="Last heartbeat">
      {formatDuration(ageMs / 1000)} ago
      {ageMs > SILENT_AFTER_MS && <span class="minor"> – silent; another worker takes over when its lease ends</span>}
    </Fact>
  );
}
