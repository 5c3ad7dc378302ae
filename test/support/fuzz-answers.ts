// What must hold of every answer to a made-up request: no 5xx, a declared status, JSON of the declared shape, or a problem that says the status it comes with.
import { request as send, type Agent, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { OperationObject } from '../../src/api/openapi.ts';
import { DEFINITIONS, inDefinitions, OPERATIONS, type FuzzRequest, type Schema } from './fuzz.ts';

/** Sends the request and throws, with what was sent, where the answer breaks a promise. Resolves to its status. */
export async function check(url: string, asked: FuzzRequest, agent: Agent): Promise<number> {
  const { status, type, text } = await answerTo(url, asked, agent);
  const words = () =>
    `${JSON.stringify({ ...asked, body: asked.body?.toString('latin1') }).slice(0, 2_000)}\nanswered ${status}: ${text.slice(0, 500)}`;
  if (status >= 500) throw new Error(`a failure of the server: ${words()}`);
  const described = OPERATIONS.find(({ method, path }) => `${method} ${path}` === asked.operation)?.operation;
  if (status >= 400) checkProblem(status, type, text, words);
  else if (described !== undefined && status !== 304 && asked.method !== 'HEAD')
    checkSuccess(described, status, type, text, words);
  return status;
}

function checkProblem(status: number, type: string, text: string, words: () => string): void {
  if (text === '') return; // of Node's parser, before there is a request; or to HEAD
  if (!type.startsWith('application/problem+json')) throw new Error(`not a problem: ${words()}`);
  const problem = validatorOf({ $ref: '#/$defs/Problem' }).safeParse(JSON.parse(text));
  if (!problem.success) throw new Error(`no problem of the document's shape: ${words()}`);
  if ((problem.data as { status: number }).status !== status) throw new Error(`says another status: ${words()}`);
}

function checkSuccess(
  { responses }: OperationObject,
  status: number,
  type: string,
  text: string,
  words: () => string,
): void {
  if (status === 204 || type.startsWith('text/')) return;
  const schema = responses[status]?.content?.['application/json']?.schema;
  if (schema === undefined) throw new Error(`an undeclared status: ${words()}`);
  const result = validatorOf(inDefinitions(schema) as Schema).safeParse(JSON.parse(text));
  if (!result.success) throw new Error(`not of the declared shape: ${result.error.message}: ${words()}`);
}

const validators = new Map<string, z.ZodType>();

function validatorOf(schema: Schema): z.ZodType {
  const key = JSON.stringify(schema);
  const made = validators.get(key) ?? z.fromJSONSchema({ ...schema, $defs: DEFINITIONS });
  validators.set(key, made);
  return made;
}

function answerTo(
  url: string,
  { method, path, headers, body }: FuzzRequest,
  agent: Agent,
): Promise<{ status: number; type: string; text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const all = { ...headers, ...(body !== undefined && { 'content-length': String(body.length) }) };
    const request = send({ hostname, port, method, path, headers: all, agent }, (response: IncomingMessage) => {
      const [status, type] = [response.statusCode ?? 0, response.headers['content-type'] ?? ''];
      if (type.startsWith('text/event-stream')) {
        response.destroy(); // it ends with its job only
        return resolve({ status, type, text: '' });
      }
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status, type, text: Buffer.concat(chunks).toString('utf8') }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
