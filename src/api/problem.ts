// Failures as RFC 9457 problem details. A caller's faults come with JSON pointers (RFC 6901) into what was submitted; what went
// wrong inside is logged and never shown.
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import { ConflictError, DataError, InputError, NotFoundError, PreconditionError, TransientError } from '../errors.ts';
import { log } from '../log.ts';
import { requestIdOf } from './caller.ts';

/** One fault of a submitted document. */
export interface Fault {
  /** JSON pointer of the faulty field; '' is the whole document. */
  readonly pointer: string;
  readonly detail: string;
}

/** A submitted document with faults: HTTP 422. */
export class FaultyDocument extends InputError {
  override readonly name: string = 'FaultyDocument';
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(faults.map(({ pointer, detail }) => `${pointer || 'the document'}: ${detail}`).join('; '));
    this.faults = faults;
  }
}

interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly errors?: readonly Fault[];
}

/** The pointer of a path of keys. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** Each issue of zod as a fault; an unknown field is named by its own pointer. */
export function faultsOf(error: z.ZodError): Fault[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({ pointer: pointerOf([...issue.path, key]), detail: 'there is no such field' }));
    }
    return [{ pointer: pointerOf(issue.path), detail: detailOf(issue) }];
  });
}

function detailOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.input === undefined && issue.message.endsWith('received undefined')) {
    return 'this field is required';
  }
  if (issue.code !== 'invalid_union') return issue.message;
  // What each of the alternatives wants.
  const wanted = issue.errors.flatMap((branch) => branch.slice(0, 1).map(detailOf));
  return wanted.length > 0 ? [...new Set(wanted)].join(', or: ') : issue.message;
}

/** For every path that no route took: 404. */
export const unknownRoute: RequestHandler = (request, response) => {
  sendProblem(response, { status: 404, title: 'Not found', detail: `there is no ${request.method} ${request.path}` });
};

/** The last handler: every thrown error becomes a problem. */
export const problemHandler: ErrorRequestHandler = (error: unknown, request, response, next) => {
  if (response.headersSent) {
    next(error); // the answer has begun: only the connection can be closed
    return;
  }
  const problem = problemOf(error);
  const { method, path } = request;
  const requestId = requestIdOf(request);
  if (error instanceof TransientError) {
    log.warn({ requestId, method, path, message: error.message }, 'a request could not be answered now');
    response.setHeader('retry-after', '2');
  } else if (problem.status >= 500) {
    log.error({ requestId, method, path, err: error }, 'a request failed');
  }
  sendProblem(response, problem);
};

/** Answers with a problem. */
export function sendProblem(response: Response, problem: Problem): void {
  response
    .status(problem.status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', ...problem }));
}

function problemOf(error: unknown): Problem {
  if (error instanceof FaultyDocument) {
    const detail = error.faults.length === 1 ? 'the document has a fault' : `${error.faults.length} faults`;
    return { status: 422, title: 'Faulty document', detail, errors: error.faults };
  }
  if (error instanceof InputError && error.pointer !== undefined) {
    const errors = [{ pointer: error.pointer, detail: error.message }];
    return { status: 422, title: 'Faulty document', detail: 'the document has a fault', errors };
  }
  if (error instanceof InputError) return { status: 400, title: 'Bad request', detail: error.message };
  if (error instanceof NotFoundError) return { status: 404, title: 'Not found', detail: error.message };
  if (error instanceof ConflictError) return { status: 409, title: 'Conflict', detail: error.message };
  if (error instanceof PreconditionError) return { status: 412, title: 'Precondition failed', detail: error.message };
  if (error instanceof TransientError) {
    return { status: 503, title: 'Not available', detail: 'the database is not available; try again soon' };
  }
  if (error instanceof DataError) return { status: 500, title: 'Damaged data', detail: error.message };
  return (
    httpProblemOf(error) ?? { status: 500, title: 'Failure', detail: 'a failure of the server; its log says more' }
  );
}

const HTTP_WORDS: Readonly<Record<string, [title: string, detail: string]>> = {
  'entity.parse.failed': ['Malformed JSON', 'the body is not valid JSON'],
  'entity.too.large': ['Body too large', 'the body may have 1 MB at most'],
  'encoding.unsupported': ['Unsupported encoding', 'the body has an unknown content-encoding'],
  'charset.unsupported': ['Unsupported charset', 'send the body as UTF-8'],
};

// Errors of express and its body parser carry a status meant for the caller; their messages may quote the body.
function httpProblemOf(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { status, type } = error as Error & { status?: unknown; type?: unknown };
  if (typeof status !== 'number' || status < 400 || status > 499) return undefined;
  const [title, detail] = HTTP_WORDS[String(type)] ?? ['Bad request', 'the request could not be read'];
  return { status, title, detail };
}
