// A job's events as a stream (server-sent events, WHATWG HTML §9.2). The event table is the source, so a viewer that comes back
// with Last-Event-ID misses nothing; one LISTEN connection per process tells all streams that there is something to read, and
// exists only while there are viewers.
import { Router } from 'express';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { InputError, messageOf } from '../errors.ts';
import { FINAL_STATES } from '../job-spec.ts';
import type { JobState } from '../job-spec.ts';
import { log } from '../log.ts';
import type { Database } from '../store/database.ts';
import { EVENT_CHANNEL, eventsAfter, newestEventId } from '../store/events.ts';
import { findJob } from '../store/jobs.ts';
import { listenTo } from '../store/notifications.ts';
import type { Listening } from '../store/notifications.ts';
import { readQuery } from './request.ts';

const COMMENT_MS = 15_000;
const POLL_MS = 5_000; // a notification is only a hint
const PAGE = 500;
/** When a viewer of a server that stops should come back: to another one, or to the same, started anew. */
const RETURN_MS = 3_000;

/** What GET /jobs/:id/events takes. */
export const eventQuerySchema = z.strictObject({
  after: z
    .literal('newest')
    .optional()
    .meta({ description: 'Leave out what has happened already; a Last-Event-ID goes before it.' }),
});

/** GET /jobs/:id/events. */
export function eventRoutes(database: Database, draining: AbortSignal): Router {
  const router = Router();
  const watch = jobWatcher(database);
  router.get('/jobs/:id/events', async (request, response) => {
    const job = await findJob(database, request.params.id);
    const { after } = readQuery(request, eventQuerySchema);
    const given = readLastId(request);
    const lastId = given ?? (after === 'newest' ? await newestEventId(database, job.id) : 0n);
    const isOver = FINAL_STATES.includes(job.state as JobState);
    if (isOver && given !== undefined && given > 0n && (await eventsAfter(database, job.id, lastId, 1)).length === 0) {
      response.status(204).end(); // tells an EventSource that has seen all to stop coming back
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 1000\n\n');
    await stream(database, { jobId: job.id, lastId }, response, watch, draining);
  });
  return router;
}

function readLastId(request: Request): bigint | undefined {
  const text = request.get('last-event-id');
  if (text === undefined) return undefined;
  if (!/^\d{1,18}$/.test(text)) throw new InputError(`Last-Event-ID must be a number this stream gave, not "${text}"`);
  return BigInt(text);
}

type Watch = (jobId: string, wake: () => void) => () => void;

// Fans the notifications out to the streams of this process.
function jobWatcher(database: Database): Watch {
  const wakers = new Map<string, Set<() => void>>();
  let listening: Listening | undefined;
  return (jobId, wake) => {
    listening ??= listenTo(database.url, EVENT_CHANNEL, (payload) => {
      const woken = payload === undefined ? [...wakers.values()] : [wakers.get(payload) ?? new Set()];
      for (const set of woken) for (const waker of set) waker();
    });
    const set = wakers.get(jobId) ?? new Set();
    wakers.set(jobId, set.add(wake));
    return () => {
      set.delete(wake);
      if (set.size === 0 && wakers.get(jobId) === set) wakers.delete(jobId);
      if (wakers.size > 0) return;
      void listening?.close();
      listening = undefined;
    };
  };
}

async function stream(
  database: Database,
  { jobId, lastId }: { readonly jobId: string; readonly lastId: bigint },
  response: Response,
  watch: Watch,
  draining: AbortSignal,
): Promise<void> {
  const bell = makeBell();
  const unwatch = watch(jobId, bell.ring);
  response.on('close', bell.ring);
  draining.addEventListener('abort', bell.ring);
  const comments = setInterval(() => response.write(': still here\n\n'), COMMENT_MS);
  const reader = eventReader(database, jobId, lastId, response);
  try {
    while (!response.destroyed && !draining.aborted) {
      const isOver = await reader.sendNews().catch((error: unknown) => {
        log.warn({ job: jobId, message: messageOf(error) }, 'events could not be read; trying again');
        return false;
      });
      if (isOver) break;
      await bell.wait(POLL_MS);
    }
    if (draining.aborted) response.write(`retry: ${RETURN_MS}\n: this server is stopping\n\n`);
  } finally {
    clearInterval(comments);
    unwatch();
    draining.removeEventListener('abort', bell.ring);
    response.end();
  }
}

function eventReader(database: Database, jobId: string, firstId: bigint, response: Response) {
  let lastId = firstId;
  let shownProgress = 'null';
  const sendEvents = async () => {
    for (;;) {
      const events = await eventsAfter(database, jobId, lastId, PAGE);
      for (const { id, type, data } of events) {
        response.write(`id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
        lastId = id;
      }
      if (events.length < PAGE || response.destroyed) return;
      if (response.writableNeedDrain) await untilWritable(response);
    }
  };
  return {
    /** Sends what is new; answers true when the job is over and all has been sent. */
    async sendNews(): Promise<boolean> {
      const { state, progress } = await findJob(database, jobId); // before the events, so that its last one is among them
      await sendEvents();
      const words = JSON.stringify(progress);
      if (words !== shownProgress) response.write(`event: progress\ndata: ${words}\n\n`);
      shownProgress = words;
      return FINAL_STATES.includes(state as JobState);
    },
  };
}

// Waits that a ring ends, also a ring that came just before the wait.
function makeBell() {
  let hasRung = false;
  let wake: () => void = () => undefined;
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async wait(ms: number): Promise<void> {
      if (!hasRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      hasRung = false;
    },
  };
}

function untilWritable(response: Response): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
