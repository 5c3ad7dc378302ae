// Every environment variable that the program reads, and nothing else reads `process.env`.
import { readFileSync } from 'node:fs';
import { availableParallelism, homedir, userInfo } from 'node:os';
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

const LOG_THRESHOLDS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** Log threshold of pino; TIRESIAS_LOG is the older name of the variable. Throws InputError. */
export function logLevel(fallback = 'info'): string {
  const level = read('TIRESIAS_LOG_LEVEL') ?? read('TIRESIAS_LOG') ?? fallback;
  if (LOG_THRESHOLDS.includes(level)) return level;
  throw new InputError(`TIRESIAS_LOG_LEVEL must be one of ${LOG_THRESHOLDS.join(', ')}, but it is "${level}"`);
}

const SECRET_NAMES = /(TOKEN|PASSWORD|PASSWD|SECRET|JWT|API_KEY|ACCESS_KEY)$/;
/** Shorter ones would take common words out of the log. */
const SHORTEST_SECRET = 6;

/** What of the environment must be in no log: whatever is named like a secret, and the password in DATABASE_URL, as written and as read. */
export function secretValues(): string[] {
  const url = databaseUrl();
  const password = url !== undefined && URL.canParse(url) ? new URL(url).password : '';
  const named = Object.entries(process.env).filter(([name]) => SECRET_NAMES.test(name));
  const values = [...named.map(([, value]) => value?.trim() ?? ''), password, decoded(password)];
  return [...new Set(values)].filter((value) => value.length >= SHORTEST_SECRET);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a lone % stands for itself
  }
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

/** How long a server that was told to stop says at /readyz that it is not ready before it takes no connection more, in milliseconds. */
export function drainNoticeMs(): number {
  return readInteger('TIRESIAS_DRAIN_NOTICE_MS', 0, 0);
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

/** How long a worker's claim, or a server's errand, holds without a heartbeat, and how often it beats, in milliseconds. */
export function leaseTimes(): { leaseMs: number; beatMs: number } {
  const leaseMs = readInteger('TIRESIAS_LEASE_MS', 15_000, 1_000);
  return { leaseMs, beatMs: Math.floor(leaseMs / 5) };
}

/** How many pulls and verifications a server does at once. */
export function errandsAtOnce(): number {
  return readInteger('TIRESIAS_ERRANDS', 2, 1);
}

/** How long a trainer of this machine may say nothing, in milliseconds: longer than its longest step or benchmark takes. */
export function stallLimitMs(): number {
  return 60_000 * readInteger('TIRESIAS_STALL_MINUTES', 120, 1);
}

const EXECUTORS = ['local', 'slurm'] as const;
export type ExecutorName = (typeof EXECUTORS)[number];

/** What runs a worker's trainers. Throws InputError for a name that is none. */
export function executorName(): ExecutorName {
  const found = read('TIRESIAS_EXECUTOR') ?? 'local';
  const name = EXECUTORS.find((one) => one === found);
  if (name === undefined)
    throw new InputError(`an executor is ${EXECUTORS.join(' or ')}, but --executor or TIRESIAS_EXECUTOR is "${found}"`);
  return name;
}

/** Takes what the command line says for this process, before jobs/main.ts reads it. */
export function chooseExecutor(name: string | undefined, numSlots: number | undefined): void {
  if (name !== undefined) process.env.TIRESIAS_EXECUTOR = name;
  if (numSlots !== undefined) process.env.TIRESIAS_SLOTS = String(numSlots);
}

/** What a worker may run at once, of which each job takes its `training.slots`; TIRESIAS_JOBS is the older name of the variable. */
export function numSlots(fallback: number): number {
  return readInteger(read('TIRESIAS_SLOTS') === undefined ? 'TIRESIAS_JOBS' : 'TIRESIAS_SLOTS', fallback, 1);
}

/** How long a job that does not fit waits until a worker holds slots for it, in milliseconds. */
export function holdMs(): number {
  return 60_000 * readInteger('TIRESIAS_HOLD_MINUTES', 10, 0);
}

/** The graphics cards that this process may use, as CUDA reads the list: up to the first entry that is none. Undefined: all that are there. */
export function visibleCards(): string[] | undefined {
  const entries = process.env.CUDA_VISIBLE_DEVICES?.split(',').map((entry) => entry.trim());
  const end = entries?.findIndex((entry) => entry === '' || entry.startsWith('-')) ?? -1;
  return end === -1 ? entries : entries?.slice(0, end);
}

export interface SlurmSettings {
  readonly url: string;
  readonly user: string;
  /** Reads it anew where it lies in a file, so that it may be renewed. Throws InputError. */
  readonly token: () => string;
  readonly resources: {
    readonly partition: string | undefined;
    readonly account: string | undefined;
    readonly cpus: number;
    readonly memoryMiB: number | undefined;
    readonly gres: string | undefined;
    readonly timeLimitMinutes: number | undefined;
  };
  readonly setup: string | undefined;
  readonly pollMs: number;
}

/** Slurm for a worker with `--executor slurm`. Throws InputError naming what is missing. */
export function slurmSettings(): SlurmSettings {
  const url = read('TIRESIAS_SLURM_URL');
  if (url === undefined || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new InputError(
      `--executor slurm needs TIRESIAS_SLURM_URL, the http or https address of slurmrestd, but it is "${url ?? ''}"`,
    );
  }
  const optional = (name: string) => (read(name) === undefined ? undefined : readInteger(name, 1, 1));
  slurmToken();
  return {
    ...{ url, user: read('TIRESIAS_SLURM_USER') ?? userInfo().username, token: slurmToken },
    resources: {
      partition: read('TIRESIAS_SLURM_PARTITION'),
      account: read('TIRESIAS_SLURM_ACCOUNT'),
      cpus: readInteger('TIRESIAS_SLURM_CPUS', 1, 1),
      memoryMiB: optional('TIRESIAS_SLURM_MEMORY_MIB'),
      gres: read('TIRESIAS_SLURM_GRES'),
      timeLimitMinutes: optional('TIRESIAS_SLURM_TIME_LIMIT_MINUTES'),
    },
    setup: read('TIRESIAS_SLURM_SETUP'),
    pollMs: readInteger('TIRESIAS_SLURM_POLL_MS', 2_000, 100),
  };
}

/** As `scontrol token` prints it, or alone. */
function slurmToken(): string {
  const file = read('TIRESIAS_SLURM_TOKEN_FILE');
  const text = file === undefined ? read('TIRESIAS_SLURM_TOKEN') : readTokenFile(file);
  const token = text?.trim().replace(/^SLURM_JWT=/, '');
  if (token) return token;
  throw new InputError(
    '--executor slurm needs a token: TIRESIAS_SLURM_TOKEN, or its file in TIRESIAS_SLURM_TOKEN_FILE; `scontrol token` makes one',
  );
}

function readTokenFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new InputError(`TIRESIAS_SLURM_TOKEN_FILE: ${path} cannot be read`, { cause });
  }
}

/** What a trainer on a node of Slurm finds in its environment: of this process's, nothing that may hold a secret. */
export function slurmEnvironment(cpus: number): Record<string, string> {
  const names = [
    'PATH',
    'HOME',
    'LANG',
    'LD_LIBRARY_PATH',
    'TIRESIAS_LOG_LEVEL',
    'TIRESIAS_LOG',
    ...Object.keys(EXACT_GPU),
  ];
  const handed = names.flatMap((name) => (read(name) === undefined ? [] : [[name, read(name)!]]));
  return { TIRESIAS_THREADS: String(cpus), ...Object.fromEntries(handed) };
}

/** Bytes that jobs and caches below the home folder may take; undefined where TIRESIAS_DISK_QUOTA is not set. Throws InputError. */
export function diskQuotaBytes(): number | undefined {
  const text = read('TIRESIAS_DISK_QUOTA');
  if (text === undefined) return undefined;
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?) *([kMGT]?)B$/i.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(number) * 1_000 ** ['', 'k', 'm', 'g', 't'].indexOf(unit.toLowerCase()));
  if (bytes > 0) return bytes;
  throw new InputError(`TIRESIAS_DISK_QUOTA must be a size such as 500MB, 50GB or 1.5TB, but it is "${text}"`);
}

/** How long after a job's end, or after the last use of a cache, a worker cleans up by itself; undefined: it never does. Throws InputError. */
export function cleanAfterMs(): number | undefined {
  const text = read('TIRESIAS_CLEAN_AFTER') ?? '30d';
  if (text === 'never') return undefined;
  const ms = durationMs(text);
  if (ms !== undefined) return ms;
  throw new InputError(`TIRESIAS_CLEAN_AFTER must be a time such as 12h or 30d, or never, but it is "${text}"`);
}

/** Milliseconds of a time such as 90s, 30m, 12h or 30d; undefined for other text. */
export function durationMs(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) *([smhd])$/.exec(text.trim()) ?? [];
  if (unit === undefined) return undefined;
  return Number(number) * { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 's' | 'm' | 'h' | 'd'];
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
