// Listens: the API and the page on one address.
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { createApp } from './api/app.ts';
import type { AppParts } from './api/app.ts';
import { isLoopback } from './api/access.ts';
import { InputError } from './errors.ts';
import { log } from './log.ts';
import { hasValidToken } from './store/tokens.ts';

export interface ServerSettings {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
}

export interface RunningServer {
  /** Where the page is, with the port that was taken. */
  readonly url: string;
  readonly port: number;
  /** Ends the streams, lets answers in hand finish, and frees the port. */
  close(): Promise<void>;
}

const CLOSE_MS = 1_000;

async function refuseOpenDoor(host: string, { access = 'open', database }: AppParts): Promise<void> {
  if (isLoopback(host)) return;
  const ways = 'make a token with `tiresias tokens create`, or listen on 127.0.0.1';
  if (access === 'open')
    throw new InputError(`${host} can be reached from other machines, and this server asks for no tokens: ${ways}`);
  if (!(await hasValidToken(database)))
    throw new InputError(`${host} can be reached from other machines, and there is no valid token yet: ${ways}`);
}

/** Starts the server. Throws InputError when the address cannot be taken, or when strangers could reach a server that lets everybody in, or nobody. */
export async function startServer(settings: ServerSettings, parts: AppParts): Promise<RunningServer> {
  const { host, port } = settings;
  await refuseOpenDoor(host, parts);
  const server = createServer(createApp(parts));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const words = cause.code === 'EADDRINUSE' ? 'another program has it' : cause.message;
      const advice = 'set TIRESIAS_HOST and TIRESIAS_PORT';
      reject(new InputError(`the server cannot listen on ${host}:${port}: ${words}; ${advice}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const { port: taken } = server.address() as AddressInfo; // it listens on a port, not on a pipe
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${taken}/`;
  log.info({ url }, 'listening');
  return {
    url,
    port: taken,
    close: () =>
      new Promise((resolve) => {
        const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS); // streams of events never end by themselves
        server.close(() => {
          clearTimeout(timer);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}
