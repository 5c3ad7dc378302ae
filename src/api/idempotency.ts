// Idempotency-Key on requests that make something: the same key with the same body makes it once and answers with it again.
import { createHash } from 'node:crypto';
import type { Request, Response } from 'express';
import { InputError } from '../errors.ts';
import type { Database, Transaction } from '../store/database.ts';
import { findMade, makeOnce, type KeyedRequest, type Made } from '../store/idempotency.ts';
import { callerOf } from './caller.ts';

/**
 * Makes something by what `prepare` answers, or finds what the same request made before; `prepare` checks the request and is left out then. Throws InputError
 * for a key that is none, ConflictError for one that came with another request.
 */
export async function makeOncePerKey(
  database: Database,
  request: Request,
  response: Response,
  prepare: () => Promise<(transaction: Transaction) => Promise<string>>,
): Promise<string> {
  const keyed = keyedRequest(request);
  const earlier = keyed && (await findMade(database, keyed));
  const { id, isReplay }: Made =
    earlier === undefined ? await makeOnce(database, keyed, await prepare()) : { id: earlier, isReplay: true };
  if (isReplay) response.setHeader('idempotency-replayed', 'true');
  return id;
}

function keyedRequest(request: Request): KeyedRequest | undefined {
  const key = request.get('idempotency-key');
  if (key === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new InputError('Idempotency-Key must be 1 to 255 visible ASCII characters, for example a UUID');
  const asked = `${request.method} ${request.baseUrl}${request.path} ${canonical(request.body)}`;
  return { owner: callerOf(request).id, key, sha256: createHash('sha256').update(asked).digest('hex') };
}

/** JSON with the fields of every object in order: the same document has the same text. */
function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === 'object' && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? ''
  );
}
