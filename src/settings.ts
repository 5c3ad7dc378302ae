// Every environment variable that the program reads, and nothing else reads `process.env`.
import { availableParallelism, homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { InputError } from './errors.ts';
import { packagePath } from './package-root.ts';

function read(name: string): string | undefined {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
}

function readInteger(name: string, fallback: number, least: number): number {
  const text = read(name);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least) {
    throw new InputError(`${name} must be a whole number of at least ${least}, but it is "${text}"`);
  }
  return value;
}

/** Log threshold of pino: fatal, error, warn, info, debug, trace or silent. */
export function logLevel(fallback = 'info'): string {
  return read('TIRESIAS_LOG') ?? fallback;
}

/** Where artifacts, registered models and the embedded database live. */
export function homeFolder(): string {
  return resolve(read('TIRESIAS_HOME') ?? packagePath('.tiresias'));
}

/** The PostgreSQL to use; undefined means the embedded one. */
export function databaseUrl(): string | undefined {
  return read('DATABASE_URL');
}

/** The PostgreSQL of a worker: it starts none of its own. Throws InputError when none is named. */
export function workerDatabaseUrl(): string {
  const url = databaseUrl();
  if (url === undefined)
    throw new InputError('a worker needs DATABASE_URL; `tiresias up` starts server and worker together');
  return url;
}

/** Address and port on which the server listens. */
export function listenAddress(): { host: string; port: number } {
  return { host: read('TIRESIAS_HOST') ?? '127.0.0.1', port: readInteger('TIRESIAS_PORT', 8642, 0) };
}

/** Whether the server asks for tokens: as TIRESIAS_AUTH says, else where it listens on more than the loopback address. Throws InputError. */
export function accessSetting(isLoopback: boolean): 'open' | 'tokens' {
  const value = read('TIRESIAS_AUTH') ?? (isLoopback ? 'open' : 'tokens');
  if (value === 'open' || value === 'tokens') return value;
  throw new InputError(`TIRESIAS_AUTH must be "tokens" or "open", but it is "${value}"`);
}

/** Requests a minute that one token may make. */
export function requestsPerMinute(fallback: number): number {
  return readInteger('TIRESIAS_RATE_LIMIT', fallback, 1);
}

/** Folders below which clients may name files of the server's: the home folder, and what TIRESIAS_ROOTS lists as PATH does. */
export function rootFolders(home: string): string[] {
  const others = (read('TIRESIAS_ROOTS') ?? '').split(delimiter).filter((folder) => folder !== '');
  return [home, ...others.map((folder) => resolve(folder))];
}

/** The token that commands show the server. */
export function apiToken(): string | undefined {
  return read('TIRESIAS_TOKEN')?.trim();
}

/** How long a worker's claim holds without a heartbeat, and how often it beats, in milliseconds. */
export function leaseTimes(): { leaseMs: number; beatMs: number } {
  const leaseMs = readInteger('TIRESIAS_LEASE_MS', 15_000, 1_000);
  return { leaseMs, beatMs: Math.floor(leaseMs / 5) };
}

/** How many arms may train at once where a backend uses one core each. */
export function numCores(): number {
  return readInteger('TIRESIAS_CORES', availableParallelism(), 1);
}

/**
 * Lets waiting threads of OpenMP sleep soon instead of spinning for milliseconds, unless the user has said how they wait; to be called before the library is
 * loaded. On two cores with other work, a nano step took 1,060 ms with the library's own wait and 234 ms with this.
 */
export function letThreadsSleep(): void {
  if (read('OMP_WAIT_POLICY') === undefined) process.env.GOMP_SPINCOUNT = read('GOMP_SPINCOUNT') ?? '1000';
}

/** Threads inside the kernels of the native back end. */
export function numThreads(): number {
  return readInteger('TIRESIAS_THREADS', availableParallelism(), 1);
}

/** The MLflow server and the login for it, by the variables that MLflow's own client reads. */
export function mlflowAccess(): { uri: string; authorization: string | undefined } {
  const [token, user, password] = ['TOKEN', 'USERNAME', 'PASSWORD'].map((name) => read(`MLFLOW_TRACKING_${name}`));
  const basic = user && `Basic ${Buffer.from(`${user}:${password ?? ''}`).toString('base64')}`;
  return {
    uri: read('MLFLOW_TRACKING_URI') ?? 'http://127.0.0.1:5000',
    authorization: token ? `Bearer ${token}` : basic,
  };
}

/** The hub and its cache, by the variables that Hugging Face's own tools read. Throws InputError for an endpoint that is no address. */
export function hubAccess(): { endpoint: string; token: string | undefined; cacheFolder: string; isOffline: boolean } {
  const endpoint = (read('HF_ENDPOINT') ?? 'https://huggingface.co').replace(/\/+$/, '');
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new InputError(`HF_ENDPOINT must be an http or https address without a password, but it is "${endpoint}"`);
  }
  const home = read('HF_HOME') ?? join(read('XDG_CACHE_HOME') ?? join(homedir(), '.cache'), 'huggingface');
  const token = read('HF_TOKEN') ?? read('HUGGING_FACE_HUB_TOKEN');
  return {
    endpoint,
    token: token?.trim(),
    cacheFolder: resolve(read('HF_HUB_CACHE') ?? read('HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub')),
    isOffline: /^(1|on|yes|true)$/i.test(read('HF_HUB_OFFLINE') ?? ''),
  };
}

/** The folder of outside test data, or undefined when the variable is not set. */
export function sharedFolderSetting(): string | undefined {
  return read('TIRESIAS_SHARED');
}

/** This process's environment with additions, for a child process. */
export function childEnvironment(additions: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...additions };
}

/** Full fp32 products instead of TF32's 10 bits, and sums over repeated rows in a fixed order: without them a GPU of today does neither. */
const EXACT_GPU = { NVIDIA_TF32_OVERRIDE: '0', TF_DETERMINISTIC_OPS: '1' };

/**
 * Sets what libtensorflow and CUDA read when they load, and returns what is in force: a value that the user has set stays. Called before
 * the back end `tensorflow` is started; child processes inherit it.
 */
export function exactGpuSettings(): Record<string, string> {
  const inForce = Object.entries(EXACT_GPU).map(([name, value]) => [name, read(name) ?? value] as const);
  for (const [name, value] of inForce) process.env[name] = value;
  return Object.fromEntries(inForce);
}
