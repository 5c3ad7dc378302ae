// Server and workers as processes of their own, from the sources, for trials that load or kill them. Each carries a mark in its environment, which what it
// starts inherits, so that a trial can tell what is left of it.
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { packagePath } from '../../src/package-root.ts';
import { childEnvironment } from '../../src/settings.ts';

export interface Started {
  readonly pid: number;
  isAlive(): boolean;
  /** Resolves once it is gone. */
  readonly ended: Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface Surroundings {
  readonly databaseUrl: string;
  readonly home: string;
  /** Where what it says is kept. */
  readonly logPath: string;
  /** Beside these; they win over them. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Words before the program, such as those that lead into another network namespace. */
  readonly prefix?: readonly string[];
}

const MARK = 'TIRESIAS_TRIAL_MARK';

/** The variable that marks processes of a trial. */
export function markOf(name: string): Record<string, string> {
  return { [MARK]: name };
}

/**
 * Process ids of all that carries the mark, whoever its parent is by now; of those with `program` in their command line alone, where one is given. A process that has
 * ended and waits for its parent does not count.
 */
export function markedProcesses(name: string, program = ''): number[] {
  return processIds().flatMap((pid) => {
    try {
      const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1').split('\0');
      const isMarked = read('environ').includes(`${MARK}=${name}`);
      return isMarked && read('cmdline').some((word) => word.includes(program)) ? [pid] : [];
    } catch {
      return []; // it has just ended
    }
  });
}

/** What Linux tells of a process behind its name (proc_pid_stat(5)), its state first; undefined where it has ended. */
export function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Process id of its parent; undefined where it has ended. */
export function parentOf(pid: number): number | undefined {
  const stat = statOf(pid);
  return stat && Number(stat[1]);
}

/** Of all that run. */
export function processIds(): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
}

/** A worker, as `tiresias worker` runs it. */
export function startWorkerProcess(where: Surroundings): Started {
  return start(where, ['jobs/main.ts']);
}

/** A server on the loopback address, as `tiresias server` runs it; it may not answer yet. */
export function startServerProcess(where: Surroundings, port: number): Started {
  const settings = { TIRESIAS_HOST: '127.0.0.1', TIRESIAS_PORT: String(port), ...where.settings };
  return start({ ...where, settings }, ['src/cli/main.ts', 'server']);
}

function start({ databaseUrl, home, logPath, settings = {}, prefix = [] }: Surroundings, program: string[]): Started {
  const [command = '', ...words] = [...prefix, process.execPath, '--import', 'tsx', ...program];
  const file = openSync(logPath, 'a');
  const child: ChildProcess = spawn(command, words, {
    cwd: packagePath(),
    env: childEnvironment({ DATABASE_URL: databaseUrl, TIRESIAS_HOME: home, ...settings }),
    stdio: ['ignore', file, file],
  });
  closeSync(file);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const isAlive = () => child.exitCode === null && child.signalCode === null;
  return { pid, ended, isAlive, kill: (signal) => void child.kill(signal) };
}

export interface KeptAlive {
  pid(): number;
  stop(): Promise<void>;
}

/** Starts a process again a second after each time that it ends, as `tiresias up` does with its worker. */
export function keepAlive(begin: () => Started): KeptAlive {
  let isStopping = false;
  let current = begin();
  let restart: NodeJS.Timeout | undefined;
  const watch = () =>
    void current.ended.then(() => {
      if (isStopping) return;
      restart = setTimeout(() => {
        current = begin();
        watch();
      }, 1_000);
    });
  watch();
  return {
    pid: () => current.pid,
    async stop() {
      isStopping = true;
      clearTimeout(restart);
      if (current.isAlive()) current.kill('SIGTERM');
      await current.ended;
    },
  };
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // it listens on a port
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves once the server can work; the machine may do other things. */
export async function untilReady(url: string, patienceMs = 120_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > deadline) throw new Error(`${url} was not ready within ${patienceMs} ms`);
    await sleep(100);
  }
}
