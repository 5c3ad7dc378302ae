// Answers that are made of one job's rows: kept until the job has another event, because every step, evaluation, checkpoint and change of state comes with
// one. Who asks while an answer is being made waits for that one, so that many viewers of a job cost no more than the first.
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import type { JobWithRuns } from '../store/jobs.ts';

interface Kept {
  readonly version: string;
  readonly value: Promise<unknown>;
}

/** The least recently asked go first; the curves of 10,000 steps take 3 MB. */
const MAX_KEPT = 50;
const kept = new Map<string, Kept>();
/** Another process may be of another release, which answers differently. */
const PROCESS = randomUUID().slice(0, 8);

/** What `make` answers for the job, made once for all that ask under this name while the job has no new event. */
export async function keep<T>(job: JobWithRuns, name: string, make: () => Promise<T>): Promise<T> {
  return keepVersion(job, name, versionOf(job), make).value;
}

/** Sends the JSON text that `make` answers, or 304 to a client that has it. */
export async function sendKept(
  { request, response }: { readonly request: Request; readonly response: Response },
  job: JobWithRuns,
  name: string,
  make: () => Promise<string>,
): Promise<void> {
  const version = versionOf(job);
  response.setHeader('etag', `W/"${PROCESS}-${version}"`);
  if (request.fresh) return void response.status(304).end();
  const text = await keepVersion(job, name, version, make).value;
  response.type('json').send(text);
}

// The job is read before the rows: what comes between makes the answer newer than its version, and the next one is made anew.
function versionOf({ newestEventId, plan }: JobWithRuns): string {
  return `${newestEventId}${plan === null ? '' : '-planned'}`; // a plan comes without an event
}

function keepVersion<T>(
  { id }: JobWithRuns,
  name: string,
  version: string,
  make: () => Promise<T>,
): { readonly value: Promise<T> } {
  const key = `${name} ${id}`;
  const found = kept.get(key);
  kept.delete(key);
  const entry = found?.version === version ? found : { version, value: make() };
  kept.set(key, entry); // the newest is last
  if (entry !== found) {
    const forget = () => kept.get(key) === entry && kept.delete(key);
    entry.value.catch(forget);
    if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!); // there is one
  }
  return { value: entry.value as Promise<T> }; // a name stands for one kind of answer
}
