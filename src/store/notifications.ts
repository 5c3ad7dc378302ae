// LISTEN on a connection of its own (the pool's connections come and go). A notification is only a hint: it is lost while the
// connection is down, so listeners also poll, and are called with no payload after each reconnection.
import pg from 'pg';
import { log } from '../log.ts';

export interface Listening {
  close(): Promise<void>;
}

const RETRY_MS = 500;
/** It is silent for hours; what it would not hear of is a cut link, so the system asks whether the other end is still there. */
const LISTENING = { connectionTimeoutMillis: 5_000, keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/**
 * Calls `onNotification` with the payload of every notification on `channel`, and with undefined whenever some may have been
 * missed. Never throws: while the database is away it tries again twice a second.
 */
export function listenTo(
  url: string,
  channel: string,
  onNotification: (payload: string | undefined) => void,
): Listening {
  let client: pg.Client | undefined;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;

  const connect = async () => {
    const fresh = new pg.Client({ connectionString: url, ...LISTENING });
    let isOver = false;
    const again = (error?: Error) => {
      if (isOver) return;
      isOver = true;
      fresh.end().catch(() => undefined);
      if (isClosed) return;
      if (error) log.debug({ channel, message: error.message }, 'the listening connection was lost');
      timer = setTimeout(() => void connect(), RETRY_MS);
    };
    fresh.on('error', again);
    fresh.on('end', () => again());
    fresh.on('notification', (message) => onNotification(message.payload ?? ''));
    client = fresh;
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      onNotification(undefined);
    } catch (error) {
      again(error as Error);
    }
  };

  void connect();
  return {
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await client?.end().catch(() => undefined);
    },
  };
}
