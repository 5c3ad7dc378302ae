// Keeps the log lines of this process that name a job in the job's log (src/store/log-lines.ts). A database that is away makes them wait, not fail; what is more
// than memory should hold is left out, and said.
import { messageOf, TransientError } from '../src/errors.ts';
import { log, LOG_LEVELS, onLogLine, type LogLevel } from '../src/log.ts';
import type { Database } from '../src/store/database.ts';
import { appendLogLines, type NewLogLine } from '../src/store/log-lines.ts';
import { isUuid } from '../src/store/jobs.ts';

const FLUSH_MS = 1_000;
const MOST_WAITING = 5_000;
const LONGEST_MESSAGE = 4_000;
const LONGEST_DETAILS = 8_000;

export interface KeptJobLogs {
  /** Writes what waits, if the database is there, and stops. */
  close(): Promise<void>;
}

/** Keeps every line from now on. */
export function keepJobLogs(database: Database): KeptJobLogs {
  let waiting: NewLogLine[] = [];
  let numLeftOut = 0;
  const stop = onLogLine((text) => {
    const line = readLine(text);
    if (line === undefined) return;
    waiting.push(line);
    if (waiting.length <= MOST_WAITING) return;
    waiting.shift();
    numLeftOut += 1;
  });
  const flush = async () => {
    const lines = waiting;
    waiting = [];
    for (const jobId of new Set(lines.map((line) => line.jobId))) {
      const group = lines.filter((line) => line.jobId === jobId);
      try {
        await appendLogLines(database, jobId, group);
      } catch (error) {
        if (error instanceof TransientError) waiting = [...group, ...waiting].slice(-MOST_WAITING);
        else log.error({ message: messageOf(error) }, 'lines of a job could not be kept');
      }
    }
    if (numLeftOut > 0 && waiting.length === 0) log.warn({ numLeftOut }, 'lines of jobs were left out of their logs');
    if (waiting.length === 0) numLeftOut = 0;
  };
  let flushing: Promise<void> | undefined;
  const timer = setInterval(() => {
    if (waiting.length > 0) flushing ??= flush().finally(() => (flushing = undefined));
  }, FLUSH_MS);
  return {
    async close() {
      clearInterval(timer);
      await flushing;
      stop();
      await flush();
    },
  };
}

function readLine(text: string): NewLogLine | undefined {
  const { time, level, msg = '', job, attempt, arm, pid, hostname: host, ...rest } = JSON.parse(text) as Logged; // pino's own
  if (typeof job !== 'string' || !isUuid(job)) return undefined;
  const details = JSON.stringify({ ...rest, host, pid });
  const isShort = details.length <= LONGEST_DETAILS;
  return {
    ...{ jobId: job, attempt: attempt ?? null, arm: arm ?? null, level: LOG_LEVELS[level], at: new Date(time) },
    message: msg.slice(0, LONGEST_MESSAGE),
    details: isShort ? { ...rest, host, pid } : { host, pid, cut: details.slice(0, LONGEST_DETAILS) },
  };
}

interface Logged {
  readonly time: string;
  readonly level: LogLevel;
  readonly msg?: string;
  readonly job?: unknown;
  readonly attempt?: number;
  readonly arm?: string;
  readonly pid: number;
  readonly hostname: string;
}
