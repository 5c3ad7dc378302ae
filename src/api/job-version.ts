// Versions of a job for callers who change it (RFC 9110 §13.1.1). The ETag of a job has two parts: one of what PATCH can change, one of the whole answer. A cache
// compares both; If-Match compares the first alone, because the second changes with every heartbeat of a job at work and would refuse every change of it.
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { InputError } from '../errors.ts';
import type { Changeable } from '../store/job-changes.ts';

const TAG = /^(?:W\/)?"([^"]*)"$/;

/** Answers with the job and its ETag. */
export function sendJob(response: Response, job: Changeable, view: object): void {
  const whole = shortHash(
    JSON.stringify(view, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)),
  );
  response.setHeader('etag', `W/"${versionOf(job)}.${whole}"`).json(view);
}

/** Whether a job is as the caller's If-Match expects; undefined when the request has none. Throws InputError for one that is no list of ETags. */
export function readIfMatch(request: Request): ((job: Changeable) => boolean) | undefined {
  const header = request.get('if-match');
  if (header === undefined) return undefined;
  if (header.trim() === '*') return () => true;
  const versions = header.split(',').map((text) => {
    const [, tag] = TAG.exec(text.trim()) ?? [];
    if (tag === undefined) throw new InputError(`If-Match must be ETags as GET gave them, or *, but it is "${header}"`);
    return tag.split('.')[0];
  });
  return (job) => versions.includes(versionOf(job));
}

function versionOf({ name, priority, tags, archivedAt }: Changeable): string {
  return shortHash(JSON.stringify([name, priority, tags, archivedAt]));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
