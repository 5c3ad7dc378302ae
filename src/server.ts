// Listens: the API and the page on one address.
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from './api/app.ts';
import type { AppParts } from './api/app.ts';
import { isLoopback } from './api/access.ts';
import { startErrands, type ErrandSettings } from './errands/runner.ts';
import { InputError } from './errors.ts';
import { log } from './log.ts';
import { hasValidToken } from './store/tokens.ts';

export interface ServerSettings {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** How it pulls and verifies; default: not at all. */
  readonly errands?: ErrandSettings;
}

export interface RunningServer {
  /** Where the page is, with the port that was taken. */
  readonly url: string;
  readonly port: number;
  /**
   * Says that it is not ready, for `noticeMs` first; then takes no connection more, ends the streams, lets answers in hand finish for some seconds, and frees the
   * port.
   */
  close(noticeMs?: number): Promise<void>;
}

/** What is not answered by then is cut off. */
const ANSWER_MS = 10_000;

async function refuseOpenDoor(host: string, { access = 'open', database }: AppParts): Promise<void> {
  if (isLoopback(host)) return;
  const ways = 'make a token with `tiresias tokens create`, or listen on 127.0.0.1';
  if (access === 'open')
    throw new InputError(`${host} can be reached from other machines, and this server asks for no tokens: ${ways}`);
  if (!(await hasValidToken(database)))
    throw new InputError(`${host} can be reached from other machines, and there is no valid token yet: ${ways}`);
}

async function closeServer(server: Server): Promise<void> {
  const timer = setTimeout(() => {
    log.warn({ ms: ANSWER_MS }, 'requests that took too long were cut off');
    server.closeAllConnections();
  }, ANSWER_MS);
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
  clearTimeout(timer);
}

/** Starts the server. Throws InputError when the address cannot be taken, or when strangers could reach a server that lets everybody in, or nobody. */
export async function startServer(settings: ServerSettings, parts: AppParts): Promise<RunningServer> {
  const { host, port } = settings;
  await refuseOpenDoor(host, parts);
  const draining = new AbortController();
  const errands = settings.errands && startErrands(parts.database, settings.errands);
  const desk = errands && { ...settings.errands!, wake: () => errands.wake() }; // made of them
  const server = createServer(createApp({ ...parts, ...(desk && { errands: desk }), draining: draining.signal }));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const words = cause.code === 'EADDRINUSE' ? 'another program has it' : cause.message;
      const advice = 'set TIRESIAS_HOST and TIRESIAS_PORT';
      reject(new InputError(`the server cannot listen on ${host}:${port}: ${words}; ${advice}`, { cause }));
    });
    server.listen(port, host, resolve);
  }).catch(async (error: unknown) => {
    await errands?.close();
    throw error;
  });
  const { port: taken } = server.address() as AddressInfo; // it listens on a port, not on a pipe
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`;
  log.info({ url }, 'listening');
  return {
    url,
    port: taken,
    close: async (noticeMs = 0) => {
      draining.abort();
      if (noticeMs > 0) await sleep(noticeMs); // whoever spreads requests over servers looks at /readyz now and then
      await Promise.all([closeServer(server), errands?.close()]);
      log.info({ url }, 'closed');
    },
  };
}
