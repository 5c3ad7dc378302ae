// One job while it runs: its record by polling, its curves thinned from /metrics and then step by step from the event stream.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Arm, JobState } from '../job-spec.ts';
import { api, eventsAddress, type Job, type Progress, type Scores, type StepEvent } from './api.ts';
import { keepStreamed, noCurves, numStreamed, putStep, storedCurves, type Curves } from './curves.ts';
import { usePolled } from './polling.ts';
import { records, type LossSpike } from './records.ts';

/** `open`: events arrive. `waiting`: the connection broke and the browser asks again. `closed`: nothing more will come. */
export type Connection = 'open' | 'waiting' | 'closed';

export interface LiveJob {
  readonly job: Job | undefined;
  readonly scores: Scores | undefined;
  readonly curves: Curves;
  readonly lossSpikes: Partial<Record<Arm, readonly LossSpike[]>>;
  readonly connection: Connection;
  readonly error: Error | undefined;
  readonly refresh: () => void;
}

const FINAL: readonly JobState[] = ['succeeded', 'failed', 'cancelled'];
const JOB_EVERY_MS = 3_000;
const SCORES_EVERY_MS = 20_000;
const REOPEN_AFTER_MS = 5_000;
/** As many points as a chart of the page's width can show apart. */
export const NUM_POINTS = 600;
/** Behind so many streamed steps the curves are thinned anew. */
const MOST_STREAMED = 300;
const DRAW_EVERY_MS = 200;

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
  const { curves, lossSpikes, connection } = useCurves(id, record.data && isFinal(record.data.state), {
    onScores: scores.refresh,
    onState: record.refresh,
    onProgress: (progress) => setStreamed({ progress, since: record.data }),
  });
  const isNewer = record.data !== undefined && streamed !== undefined && streamed.since === record.data;
  const job = isNewer ? { ...record.data, progress: streamed.progress } : record.data;
  const { error, refresh } = record;
  return { job, scores: scores.data, curves, lossSpikes, connection, error, refresh };
}

interface NewsHandlers {
  readonly onScores: () => void;
  readonly onState: () => void;
  readonly onProgress: (progress: Progress | null) => void;
}

interface Loaded {
  readonly curves: Curves;
  readonly lossSpikes: LiveJob['lossSpikes'];
}

/** The curves' value changes whenever something came, several times a second at most; none before it is known whether the job has ended. */
function useCurves(id: string, hasEnded: boolean | undefined, news: NewsHandlers) {
  const [shown, setShown] = useState<Loaded>({ curves: noCurves(), lossSpikes: {} });
  const [connection, setConnection] = useState<Connection>('waiting');
  const latest = useRef(news);
  latest.current = news;

  useEffect(() => {
    if (hasEnded === undefined) return;
    let held: Loaded = { curves: noCurves(), lossSpikes: {} };
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isGone = false;
    const show = () => {
      timer = undefined;
      setShown({ ...held, curves: { ...held.curves } });
    };
    const drawSoon = () => {
      timer ??= setTimeout(show, DRAW_EVERY_MS);
    };
    let isLoading = false;
    const loadStored = async () => {
      if (isLoading) return;
      isLoading = true;
      // The record's polling reports a server that does not answer.
      const metrics = await records.curves(id, { points: NUM_POINTS }).catch(() => undefined);
      isLoading = false;
      if (metrics === undefined || isGone) return;
      const streamed = held.curves;
      held = { curves: storedCurves(metrics), lossSpikes: metrics.lossSpikes ?? {} };
      keepStreamed(held.curves, streamed);
      clearTimeout(timer);
      show();
    };
    const leave = () => {
      isGone = true;
      clearTimeout(timer);
    };
    if (hasEnded) {
      setConnection('closed');
      void loadStored();
      return leave;
    }
    const stop = followEvents(id, {
      // Stored steps are read once the stream is open, so that no step falls between the two.
      onOpen: () => {
        setConnection('open');
        void loadStored();
      },
      onBreak: () => setConnection('waiting'),
      onStep: (event) => {
        putStep(held.curves, event, Date.now());
        if (numStreamed(held.curves) > MOST_STREAMED) void loadStored();
        drawSoon();
      },
      onScores: () => latest.current.onScores(),
      onState: () => latest.current.onState(),
      onProgress: (progress) => latest.current.onProgress(progress),
    });
    return () => {
      stop();
      leave();
    };
  }, [id, hasEnded]);
  return { ...shown, connection };
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
