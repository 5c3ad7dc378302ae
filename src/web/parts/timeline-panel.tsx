// What happened to a job and when: its attempts, its events newest first, and what its worker and trainers logged.
import { useState } from 'preact/hooks';
import type { Job } from '../api.ts';
import { eventWords } from '../event-words.ts';
import { formatMoment } from '../format.ts';
import { isFinal } from '../live-job.ts';
import { usePolled } from '../polling.ts';
import { records, type AttemptRow, type TimelineEvent } from '../records.ts';
import { LogPanel } from './log-panel.tsx';
import { Notice } from './notice.tsx';

const REFRESH_EVERY_MS = 5_000;

export function TimelinePanel({ job }: { job: Job }) {
  const { data, error } = usePolled(() => records.timeline(job.id), job.id, isFinal(job.state) ? 0 : REFRESH_EVERY_MS);
  const [later, setLater] = useState<readonly TimelineEvent[]>([]);
  const [cursor, setCursor] = useState<string | null>();
  const [fault, setFault] = useState('');
  if (error !== undefined && data === undefined) return <Notice tone="error" title={error.message} />;
  if (data === undefined) return <p class="quiet-text">Loading the events…</p>;
  const next = cursor === undefined ? data.nextCursor : cursor;
  const more = (from: string) =>
    records.timeline(job.id, from).then(
      (page) => {
        setLater((before) => [...before, ...page.events]);
        setCursor(page.nextCursor);
      },
      (refusal: Error) => setFault(refusal.message),
    );
  // Newer events may have pushed those of the first page into the second.
  const events = [...new Map([...data.events, ...later].map((event) => [event.id, event])).values()];
  return (
    <>
      <Attempts attempts={data.attempts} />
      <h2>Events</h2>
      <ol class="timeline" reversed>
        {events.map((event) => (
          <li key={event.id} class={`event-${event.type}`}>
            <time dateTime={event.at} class="minor figure">
              {formatMoment(event.at)}
            </time>{' '}
            <span>{eventWords(event)}</span>
          </li>
        ))}
      </ol>
      {fault !== '' && <p role="alert">{fault}</p>}
      {next !== null && (
        <p class="more">
          <button type="button" onClick={() => void more(next)}>
            Show earlier events
          </button>
        </p>
      )}
      <LogPanel job={job} />
    </>
  );
}

function Attempts({ attempts }: { attempts: readonly AttemptRow[] }) {
  if (attempts.length === 0) {
    return (
      <Notice tone="empty" title="No worker has taken the job yet">
        <p>
          Its attempts and events appear here. Start a worker with <code>tiresias worker</code>.
        </p>
      </Notice>
    );
  }
  return (
    <div class="scroll" role="region" aria-label="Attempts" tabIndex={0}>
      <table class="figures">
        <caption>Attempts</caption>
        <thead>
          <tr>
            <th scope="col">attempt</th>
            <th scope="col">worker</th>
            <th scope="col">began</th>
            <th scope="col">ended</th>
            <th scope="col">outcome</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map(({ number, owner, host, startedAt, finishedAt, outcome, message }) => (
            <tr key={number}>
              <th scope="row">{number}</th>
              <td>
                {host}
                <div class="minor">{owner}</div>
              </td>
              <td>{formatMoment(startedAt)}</td>
              <td>{finishedAt === null ? 'not yet' : formatMoment(finishedAt)}</td>
              <td class="words">
                {outcome ?? 'at work'}
                {message !== null && <div class="minor">{message}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
