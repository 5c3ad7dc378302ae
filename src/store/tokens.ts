// Rows of API tokens and of the browser sessions made with them. Tokens and cookies are 256 random bits; only their SHA-256 are kept, and that is what is
// looked up, so that nobody learns one by the time a comparison takes.
import { createHash, randomBytes } from 'node:crypto';
import { NotFoundError } from '../errors.ts';
import type { Database } from './database.ts';
import type { Token } from './generated/client.ts';
import { isUuid } from './jobs.ts';

const PREFIX = 'tiresias_';
const SESSION_HOURS = 12;
/** How exact `lastUsedAt` is: a row is not written for each request. */
const USE_SECONDS = 60;

export type TokenRow = Omit<Token, 'sha256'>;

export interface NewToken {
  readonly name: string;
  readonly scope: 'read' | 'submit' | 'admin';
  /** Never, when left out. */
  readonly lifetimeDays?: number | undefined;
}

/** Makes a token; it is told this once. */
export async function createToken(
  database: Database,
  { name, scope, lifetimeDays }: NewToken,
): Promise<{ readonly token: string; readonly row: TokenRow }> {
  const token = PREFIX + randomBytes(32).toString('base64url');
  const days = lifetimeDays ?? null;
  const [made] = await database.prisma.$queryRaw<{ id: string }[]>`
    INSERT INTO token (id, name, sha256, scope, expires_at)
    VALUES (gen_random_uuid(), ${name}, ${sha256Of(token)}, ${scope}, clock_timestamp() + ${days}::float8 * interval '1 day')
    RETURNING id`;
  const row = await database.prisma.token.findUniqueOrThrow({ where: { id: made!.id }, omit: { sha256: true } });
  return { token, row };
}

/** Every token, newest first. */
export async function listTokens(database: Database): Promise<TokenRow[]> {
  return database.prisma.token.findMany({ orderBy: { createdAt: 'desc' }, omit: { sha256: true } });
}

/** Ends a token and the sessions made with it; answers it. Throws NotFoundError. */
export async function revokeToken(database: Database, id: string): Promise<TokenRow> {
  if (!isUuid(id)) throw new NotFoundError(`there is no token ${id}`);
  await database.prisma.$executeRaw`
    UPDATE token SET revoked_at = coalesce(revoked_at, clock_timestamp()) WHERE id = ${id}::uuid`;
  const row = await database.prisma.token.findUnique({ where: { id }, omit: { sha256: true } });
  if (row === null) throw new NotFoundError(`there is no token ${id}`);
  return row;
}

/** Whether anybody could be let in. */
export async function hasValidToken(database: Database): Promise<boolean> {
  const [row] = await database.prisma.$queryRaw<{ found: boolean }[]>`
    SELECT EXISTS (SELECT 1 FROM token WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())) AS found`;
  return row!.found; // EXISTS answers one row
}

export interface Holder {
  readonly id: string;
  readonly name: string;
  readonly scope: 'read' | 'submit' | 'admin';
}

/** Why somebody is not let in. */
export type Refusal = 'unknown' | 'expired' | 'revoked';

interface FoundToken extends Holder {
  readonly isRevoked: boolean;
  readonly isExpired: boolean;
  readonly isUsedLately: boolean;
}

/** Whose token it is, or why it is none. */
export async function holderOfToken(database: Database, token: string): Promise<Holder | Refusal> {
  const [row] = await database.prisma.$queryRaw<FoundToken[]>`
    SELECT id, name, scope, revoked_at IS NOT NULL AS "isRevoked",
      coalesce(expires_at <= clock_timestamp(), false) AS "isExpired",
      coalesce(last_used_at > clock_timestamp() - ${USE_SECONDS} * interval '1 second', false) AS "isUsedLately"
    FROM token WHERE sha256 = ${sha256Of(token)}`;
  return judge(database, row);
}

/** Opens a session for the holder of a token; answers the cookie's value, which is told this once. */
export async function openSession(database: Database, tokenId: string): Promise<{ value: string; hours: number }> {
  const value = randomBytes(32).toString('base64url');
  await database.prisma.$executeRaw`DELETE FROM session WHERE expires_at < clock_timestamp()`;
  await database.prisma.$executeRaw`
    INSERT INTO session (sha256, token_id, expires_at)
    VALUES (${sha256Of(value)}, ${tokenId}::uuid, clock_timestamp() + ${SESSION_HOURS} * interval '1 hour')`;
  return { value, hours: SESSION_HOURS };
}

/** Whose session it is, or why it is none: it ends with its token. */
export async function holderOfSession(database: Database, value: string): Promise<Holder | Refusal> {
  const [row] = await database.prisma.$queryRaw<FoundToken[]>`
    SELECT token.id, token.name, token.scope, token.revoked_at IS NOT NULL AS "isRevoked",
      session.expires_at <= clock_timestamp() OR coalesce(token.expires_at <= clock_timestamp(), false) AS "isExpired",
      coalesce(token.last_used_at > clock_timestamp() - ${USE_SECONDS} * interval '1 second', false) AS "isUsedLately"
    FROM session JOIN token ON token.id = session.token_id WHERE session.sha256 = ${sha256Of(value)}`;
  return judge(database, row);
}

/** Ends a session; one that is none is no matter. */
export async function closeSession(database: Database, value: string): Promise<void> {
  await database.prisma.session.deleteMany({ where: { sha256: sha256Of(value) } });
}

async function judge(database: Database, row: FoundToken | undefined): Promise<Holder | Refusal> {
  if (row === undefined) return 'unknown';
  if (row.isRevoked) return 'revoked';
  if (row.isExpired) return 'expired';
  const { id, name, scope, isUsedLately } = row;
  if (!isUsedLately)
    await database.prisma.$executeRaw`UPDATE token SET last_used_at = clock_timestamp() WHERE id = ${id}::uuid`;
  return { id, name, scope };
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
