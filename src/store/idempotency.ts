// What was made under an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): the key's row is written in the transaction that makes the thing, so
// that a request which is sent twice makes it once, whatever becomes of the first answer.
import { ConflictError } from '../errors.ts';
import type { Database, Transaction } from './database.ts';

export interface KeyedRequest {
  /** Whose key it is: callers do not meet. */
  readonly owner: string;
  readonly key: string;
  /** Of what is asked. */
  readonly sha256: string;
}

export interface Made {
  readonly id: string;
  /** Whether an earlier request made it. */
  readonly isReplay: boolean;
}

/** Keys are remembered so long. */
export const KEPT_DAYS = 7;

/** What an earlier request of this key made; undefined for a new key. Throws ConflictError when that request asked for something else. */
export async function findMade(database: Database, request: KeyedRequest): Promise<string | undefined> {
  return madeBefore(database.prisma, request);
}

/** Runs `make` once for each key. Throws as findMade does. */
export async function makeOnce(
  database: Database,
  request: KeyedRequest | undefined,
  make: (transaction: Transaction) => Promise<string>,
): Promise<Made> {
  return database.transaction(async (transaction) => {
    if (request === undefined) return { id: await make(transaction), isReplay: false };
    const { owner, key, sha256: requestSha256 } = request;
    await transaction.$executeRaw`
      DELETE FROM idempotency_key WHERE created_at < clock_timestamp() - ${KEPT_DAYS} * interval '1 day'`;
    // Waits for a request of the same key that is under way.
    const { count } = await transaction.idempotencyKey.createMany({
      data: [{ owner, key, requestSha256 }],
      skipDuplicates: true,
    });
    if (count === 0) {
      const id = await madeBefore(transaction, request);
      if (id === undefined) throw new ConflictError('a request with this Idempotency-Key is under way: send it again');
      return { id, isReplay: true };
    }
    const id = await make(transaction);
    await transaction.idempotencyKey.update({ where: { owner_key: { owner, key } }, data: { resourceId: id } });
    return { id, isReplay: false };
  });
}

async function madeBefore(
  prisma: Pick<Transaction, 'idempotencyKey'>,
  { owner, key, sha256 }: KeyedRequest,
): Promise<string | undefined> {
  const row = await prisma.idempotencyKey.findUnique({ where: { owner_key: { owner, key } } });
  if (row === null) return undefined;
  if (row.requestSha256 !== sha256)
    throw new ConflictError('this Idempotency-Key was used with another request: take a new key for a new request');
  return row.resourceId ?? undefined;
}
