// What a job's worker and trainers logged, oldest first, followed while the job is not over. Servers that keep no logs have none to show.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Job } from '../api.ts';
import { ApiError, asError } from '../api-call.ts';
import { isFinal } from '../live-job.ts';
import { formatTime } from '../format.ts';
import { records, type LogLine } from '../records.ts';
import { setSetting, useRoute } from '../route.ts';
import { Choice } from './choice.tsx';

const ASK_EVERY_MS = 2_000;
const MOST_LINES = 2_000;
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

export function LogPanel({ job }: { job: Job }) {
  const { query } = useRoute();
  const level = LEVELS.find((one) => one === query['level']);
  const arm = query['log-arm'];
  const { lines, fault } = useLog(job, level, arm);
  if (fault instanceof ApiError && fault.status === 404) return null;
  return (
    <>
      <h2>Log</h2>
      <div class="edit-filters">
        <Choice label="Level" value={level ?? ''} onChange={(next) => setSetting('level', next || undefined)}>
          {[['', 'all'] as const, ...LEVELS.map((one) => [one, `${one} and graver`] as const)]}
        </Choice>
        <Choice label="Arm" value={arm ?? ''} onChange={(next) => setSetting('log-arm', next || undefined)}>
          {[['', 'all'] as const, ...[...job.arms.map((run) => run.arm), 'burn-in'].map((one) => [one, one] as const)]}
        </Choice>
      </div>
      {fault !== undefined && <p role="alert">{fault.message}</p>}
      {lines.length === 0 ? (
        <p class="quiet-text">
          {isFinal(job.state) ? 'No such line was logged, or none is kept.' : 'No such line has been logged yet.'}
        </p>
      ) : (
        <div class="log" role="region" aria-label="Log" tabIndex={0}>
          <ol>
            {lines.map((line) => (
              <Line key={line.id} line={line} />
            ))}
          </ol>
        </div>
      )}
    </>
  );
}

function Line({ line: { at, level, attempt, arm, message, details } }: { line: LogLine }) {
  const where = [attempt === null ? null : `attempt ${attempt}`, arm].filter((word) => word !== null).join(', ');
  const hasDetails = Object.keys(details).length > 0;
  return (
    <li class={`log-${level}`}>
      <time dateTime={at}>{formatTime(at)}</time> <span class="log-level">{level}</span> {message}{' '}
      {where !== '' && <span class="minor">{where}</span>}
      {hasDetails && <span class="minor"> {JSON.stringify(details)}</span>}
    </li>
  );
}

function useLog({ id, state }: Job, level: string | undefined, arm: string | undefined) {
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [fault, setFault] = useState<Error>();
  const hasEnded = useRef(false);
  hasEnded.current = isFinal(state);
  useEffect(() => {
    let after: string | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isGone = false;
    setLines([]);
    const ask = async () => {
      try {
        const page = await records.logs(id, { level, arm, after });
        if (isGone) return;
        after = page.lastId;
        setFault(undefined);
        setLines((before) => (page.lines.length === 0 ? before : [...before, ...page.lines].slice(-MOST_LINES)));
      } catch (error) {
        if (isGone) return;
        setFault(asError(error));
        if (error instanceof ApiError && error.status === 404) return;
      }
      if (!hasEnded.current) timer = setTimeout(() => void ask(), ASK_EVERY_MS);
    };
    void ask();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [id, level, arm]);
  return { lines, fault };
}
