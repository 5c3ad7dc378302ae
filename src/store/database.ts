// The connection to Postgres: one pool, shared by Prisma and by plain SQL. A lost connection surfaces as TransientError; the
// pool makes new connections by itself when the server is back.
import { Socket } from 'node:net';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { log } from '../log.ts';
import { asTransient } from './connection-errors.ts';
import { placeOf, withAddress } from './connection-words.ts';
import { Prisma, PrismaClient } from './generated/client.ts';
import { makeStatementNames } from './statement-names.ts';

export type Client = ReturnType<typeof makeClient>;
/** What a function that runs inside a transaction gets. */
export type Transaction = Parameters<Parameters<Client['$transaction']>[0]>[0];

export interface Database {
  readonly url: string;
  readonly prisma: Client;
  readonly pool: pg.Pool;
  /** Rows of a plain statement, as the driver reads them: Prisma decodes each value anew. Throws TransientError when the connection is lost. */
  query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]>;
  /** Runs `work` in one transaction; what it throws rolls everything back. Throws TransientError when the connection is lost. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const POOL = { max: 10, connectionTimeoutMillis: 5_000, keepAlive: true };
const MOST_IDLE_MS = 30_000;

/**
 * Opens the database at `url`. Throws TransientError when it does not answer, and InputError when it refuses. A connection on which nothing was heard for `mostSilenceMs` is given up, because the
 * other end of a cut link says nothing: what waits for it fails as when the connection is lost.
 */
export async function openDatabase(url: string, mostSilenceMs = 60_000): Promise<Database> {
  placeOf(url); // an address that cannot be read is told before
  const stream = () => impatientSocket(mostSilenceMs);
  // The database, too, must not wait: a transaction whose client is cut off holds the lock on a job's row, and nobody could take the job over.
  const patience = { stream, idle_in_transaction_session_timeout: mostSilenceMs };
  const idleTimeoutMillis = Math.min(MOST_IDLE_MS, mostSilenceMs / 2); // closed before it counts as silent
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'tiresias',
    ...POOL,
    ...patience,
    idleTimeoutMillis,
  });
  // Without these listeners a server that goes away would end this process.
  let isClosing = false;
  pool.on('error', (error) => {
    if (!isClosing) log.warn({ message: error.message }, 'an idle database connection was lost');
  });
  pool.on('connect', (client) => client.on('error', () => undefined));
  const nameOf = makeStatementNames();
  const prisma = makeClient(pool, nameOf);
  try {
    await pool.query('SELECT 1');
  } catch (error) {
    await pool.end();
    throw withAddress(error, url);
  }
  return {
    url,
    prisma,
    pool,
    async query<Row extends pg.QueryResultRow>(text: string, values: readonly unknown[]) {
      try {
        return (await pool.query<Row>({ name: nameOf(text), text, values: [...values] })).rows;
      } catch (error) {
        throw asTransient(error);
      }
    },
    async transaction(work) {
      try {
        return await prisma.$transaction(work, { maxWait: 10_000, timeout: 30_000 });
      } catch (error) {
        throw asTransient(error);
      }
    },
    async close() {
      isClosing = true;
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

function impatientSocket(mostSilenceMs: number): Socket {
  const socket = new Socket();
  return socket.setTimeout(mostSilenceMs, () => {
    socket.destroy(new Error(`Connection terminated: silent for ${mostSilenceMs} ms`));
  });
}

function makeClient(pool: pg.Pool, nameOf: (text: string) => string | undefined) {
  // The generator may answer undefined, as the driver's own calls do, though its type does not say so.
  const statementNameGenerator = ({ sql }: { readonly sql: string }) => nameOf(sql) as string;
  const client = new PrismaClient({ adapter: new PrismaPg(pool, { statementNameGenerator }) });
  return client.$extends(
    Prisma.defineExtension({
      query: {
        async $allOperations({ args, query }) {
          try {
            return await query(args);
          } catch (error) {
            throw asTransient(error);
          }
        },
      },
    }),
  );
}
