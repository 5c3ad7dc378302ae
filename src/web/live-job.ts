// One job while it runs: its record by polling, its curves from /metrics and then step by step from the event stream.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { JobState } from '../job-spec.ts';
import { api, eventsAddress, type Job, type Progress, type Scores, type StepEvent } from './api.ts';
import { putMetrics, putStep, type Curves } from './curves.ts';
import { usePolled } from './polling.ts';

/** `open`: events arrive. `waiting`: the connection broke and the browser asks again. `closed`: nothing more will come. */
export type Connection = 'open' | 'waiting' | 'closed';

export interface LiveJob {
  readonly job: Job | undefined;
  readonly scores: Scores | undefined;
  readonly curves: Curves;
  readonly connection: Connection;
  readonly error: Error | undefined;
  readonly refresh: () => void;
}

const FINAL: readonly JobState[] = ['succeeded', 'failed', 'cancelled'];
const JOB_EVERY_MS = 3_000;
const SCORES_EVERY_MS = 20_000;
const REOPEN_AFTER_MS = 5_000;

export function isFinal(state: JobState): boolean {
  return FINAL.includes(state);
}

/** Everything the job view shows, kept up to date until the job has ended. */
export function useLiveJob(id: string): LiveJob {
  const [hasEnded, setHasEnded] = useState(false);
  const everyMs = hasEnded ? 0 : JOB_EVERY_MS;
  const record = usePolled(() => api.job(id), id, everyMs);
  const scores = usePolled(() => api.scores(id), id, hasEnded ? 0 : SCORES_EVERY_MS);
  const ended = record.data !== undefined && isFinal(record.data.state);
  useEffect(() => setHasEnded(ended), [ended, id]);

  // Progress that was streamed counts until the record is read anew.
  const [streamed, setStreamed] = useState<{ progress: Progress | null; since: Job | undefined }>();
  const { curves, connection } = useCurves(id, hasEnded, {
    onScores: scores.refresh,
    onState: record.refresh,
    onProgress: (progress) => setStreamed({ progress, since: record.data }),
  });
  const isNewer = record.data !== undefined && streamed !== undefined && streamed.since === record.data;
  const job = isNewer ? { ...record.data, progress: streamed.progress } : record.data;
  return { job, scores: scores.data, curves, connection, error: record.error, refresh: record.refresh };
}

interface NewsHandlers {
  readonly onScores: () => void;
  readonly onState: () => void;
  readonly onProgress: (progress: Progress | null) => void;
}

function useCurves(id: string, hasEnded: boolean, news: NewsHandlers) {
  const curves = useRef<Curves>(new Map());
  const [, redraw] = useState(0);
  const [connection, setConnection] = useState<Connection>('waiting');
  const latest = useRef(news);
  latest.current = news;

  useEffect(() => {
    curves.current = new Map();
    let frame = 0;
    const drawSoon = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        redraw((count) => count + 1);
      });
    };
    const loadStored = () =>
      api.metrics(id).then(
        (metrics) => {
          putMetrics(curves.current, metrics);
          drawSoon();
        },
        () => undefined, // the record's polling reports a server that does not answer
      );
    if (hasEnded) {
      setConnection('closed');
      void loadStored();
      return () => cancelAnimationFrame(frame);
    }
    const stop = followEvents(id, {
      // Stored steps are read once the stream is open, so that no step falls between the two.
      onOpen: () => {
        setConnection('open');
        void loadStored();
      },
      onBreak: () => setConnection('waiting'),
      onStep: (event) => {
        putStep(curves.current, event);
        drawSoon();
      },
      onScores: () => latest.current.onScores(),
      onState: () => latest.current.onState(),
      onProgress: (progress) => latest.current.onProgress(progress),
    });
    return () => {
      stop();
      cancelAnimationFrame(frame);
    };
  }, [id, hasEnded]);
  return { curves: curves.current, connection };
}

interface EventHandlers extends NewsHandlers {
  readonly onOpen: () => void;
  readonly onBreak: () => void;
  readonly onStep: (event: StepEvent) => void;
}

/** Listens to a job's events until the returned function is called. The browser itself resumes after a break (Last-Event-ID). */
function followEvents(id: string, handlers: EventHandlers): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(eventsAddress(id));
    source.onopen = handlers.onOpen;
    source.onerror = () => {
      handlers.onBreak();
      // A refusal (not a break) closes the source for good; then ask anew after a while.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, REOPEN_AFTER_MS);
    };
    source.addEventListener('step', (event) => handlers.onStep(dataOf<StepEvent>(event)));
    source.addEventListener('progress', (event) => handlers.onProgress(dataOf<Progress | null>(event)));
    source.addEventListener('evaluation', handlers.onScores);
    source.addEventListener('taken-over', () => {
      handlers.onOpen(); // the stored steps of another job are this one's now
      handlers.onScores();
      handlers.onState();
    });
    source.addEventListener('state', (event) => {
      // The stream ends with a final state; a source left open would connect again and again.
      if (isFinal(dataOf<{ state: JobState }>(event).state)) source.close();
      handlers.onState();
    });
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}

function dataOf<T>(event: MessageEvent): T {
  return JSON.parse(event.data as string) as T; // written by our own API
}
