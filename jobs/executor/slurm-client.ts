// Slurm through its REST daemon, slurmrestd: only the calls that running trainers takes. Which version of its API to speak, and how that version spells what
// changed between versions, is read from the daemon's own description (/openapi).
// Tried with slurmrestd 22.05 (v0.0.38). https://slurm.schedmd.com/rest_api.html
import { z } from 'zod';
import { DataError, InputError, messageOf, TransientError } from '../../src/errors.ts';

export interface SlurmAccess {
  readonly url: string;
  readonly user: string;
  /** Read at each request, so that it may be renewed. */
  readonly token: () => string;
}

export interface SlurmRequest {
  readonly name: string;
  /** By which the job is found again. */
  readonly comment: string;
  readonly script: string;
  readonly workingFolder: string;
  readonly outputPath: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly resources: SlurmResources;
}

export interface SlurmResources {
  readonly partition: string | undefined;
  readonly account: string | undefined;
  readonly cpus: number;
  readonly memoryMiB: number | undefined;
  /** As in sbatch --gres: gpu:1. */
  readonly gres: string | undefined;
  readonly timeLimitMinutes: number | undefined;
}

export interface SlurmJob {
  readonly id: number;
  /** PENDING, RUNNING, … */
  readonly states: readonly string[];
  readonly numRestarts: number;
  readonly comment: string;
  readonly reason: string;
  readonly nodes: string;
}

export interface SlurmClient {
  /** Throws when Slurm does not answer, refuses the token, or has no such partition: InputError says what to do. */
  check(partition: string | undefined): Promise<void>;
  /** All jobs that Slurm still remembers. Throws TransientError. */
  listJobs(): Promise<SlurmJob[]>;
  /** Undefined when Slurm does not know it (any more). Throws TransientError. */
  getJob(id: number): Promise<SlurmJob | undefined>;
  /** Throws InputError when Slurm refuses it, TransientError when it may or may not have taken it: look it up. */
  submit(request: SlurmRequest): Promise<number>;
  /** One that is over or unknown is fine. */
  cancel(id: number): Promise<void>;
}

/** States after which nothing runs or will run; all others are alive. */
const OVER = /^(BOOT_FAIL|CANCELLED|COMPLETED|DEADLINE|FAILED|NODE_FAIL|OUT_OF_MEMORY|PREEMPTED|REVOKED|TIMEOUT)$/;
/** Slurm's own numbers: no such job; a job that has ended. */
const INVALID_JOB = 2017;
const ALREADY_DONE = 2021;
/** What slurmctld says of requests; other numbers are of the way there. */
const isRefusal = (code: number) => (code >= 2000 && code < 3000) || code === 9001;
const TIMEOUT_MS = 30_000;

/** Whether a job is over; a finished one that Slurm is still clearing away is not. */
export function isOver({ states }: SlurmJob): boolean {
  return states.every((state) => OVER.test(state)) && !states.includes('COMPLETING');
}

const fault = z.looseObject({
  error: z.string().optional(),
  description: z.string().optional(),
  error_number: z.number().optional(),
  error_code: z.number().optional(),
});
const answer = z.looseObject({ errors: z.array(fault).nullish() });
const job = z
  .looseObject({
    job_id: z.int(),
    job_state: z.union([z.string(), z.array(z.string())]), // an array since 23.11
    restart_cnt: z.int().nullish(),
    comment: z.string().nullish(),
    state_reason: z.string().nullish(),
    nodes: z.string().nullish(),
  })
  .transform((one): SlurmJob => ({
    id: one.job_id,
    states: [one.job_state].flat(),
    numRestarts: one.restart_cnt ?? 0,
    comment: one.comment ?? '',
    reason: one.state_reason ?? '',
    nodes: one.nodes ?? '',
  }));
const jobs = z.looseObject({ jobs: z.array(job) });
const partitions = z.looseObject({ partitions: z.array(z.looseObject({ name: z.string() })) });
const property = z.looseObject({ type: z.string().optional() });
const description = z.looseObject({
  paths: z.record(z.string(), z.unknown()),
  components: z.looseObject({
    schemas: z.record(z.string(), z.looseObject({ properties: z.record(z.string(), property).optional() })),
  }),
});

interface Dialect {
  /** v0.0.38. */
  readonly version: string;
  readonly hasGres: boolean;
  readonly listsEnvironment: boolean;
}

class Refusal extends InputError {
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** Opens nothing: each call is a request of its own. */
export function slurmClient(access: SlurmAccess): SlurmClient {
  const url = access.url.replace(/\/+$/, '');
  let dialect: Promise<Dialect> | undefined;
  const speak = () =>
    (dialect ??= readDialect(url, access).catch((error: unknown) => {
      dialect = undefined; // asked again
      throw error;
    }));
  const ask = async (method: string, path: string, body?: unknown) => {
    const { version } = await speak();
    return request(access, method, `${url}/slurm/${version}${path}`, body);
  };
  return {
    async check(partition) {
      await ask('GET', '/ping');
      if (partition === undefined) return;
      const names = parse(partitions, await ask('GET', '/partitions'), `${url}: the partitions`).partitions;
      if (names.some(({ name }) => name === partition)) return;
      const there = names.map(({ name }) => name).join(', ');
      throw new InputError(`TIRESIAS_SLURM_PARTITION is ${partition}, but the Slurm at ${url} has ${there}`);
    },
    async listJobs() {
      return parse(jobs, await ask('GET', '/jobs'), `${url}: the list of jobs`).jobs;
    },
    async getJob(id) {
      try {
        return parse(jobs, await ask('GET', `/job/${id}`), `${url}: job ${id}`).jobs[0];
      } catch (error) {
        if (error instanceof Refusal && error.code === INVALID_JOB) return undefined;
        throw error;
      }
    },
    async submit(wanted) {
      const body = submission(await speak(), wanted);
      const found = await ask('POST', '/job/submit', body);
      return parse(z.looseObject({ job_id: z.int().min(1) }), found, `${url}: the answer to a submission`).job_id;
    },
    async cancel(id) {
      try {
        await ask('DELETE', `/job/${id}`);
      } catch (error) {
        if (!(error instanceof Refusal && [INVALID_JOB, ALREADY_DONE].includes(error.code))) throw error;
      }
    },
  };
}

/** The newest version that the daemon offers, and how it spells what it asks for. */
async function readDialect(url: string, access: SlurmAccess): Promise<Dialect> {
  const where = `${url}/openapi`;
  const { paths, components } = parse(description, await request(access, 'GET', where), where);
  const versions = Object.keys(paths).flatMap(
    (path) => /^\/slurm\/(v\d+\.\d+\.\d+)\/job\/submit\/?$/.exec(path)?.[1] ?? [],
  );
  const [version] = versions.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  if (version === undefined) {
    throw new InputError(
      `${where}: expected a path /slurm/vX.Y.Z/job/submit, found none; start slurmrestd with its openapi plugin of Slurm (-s)`,
    );
  }
  const properties = Object.entries(components.schemas)
    .filter(([name]) => name.startsWith(version))
    .map(([, schema]) => schema.properties ?? {})
    .find((fields) => 'current_working_directory' in fields && 'environment' in fields && 'comment' in fields);
  const hasGres = properties === undefined || ('gres' in properties && !('tres_per_node' in properties));
  return {
    version,
    hasGres,
    listsEnvironment: properties !== undefined && properties['environment']?.type !== 'object',
  };
}

function submission({ hasGres, listsEnvironment }: Dialect, wanted: SlurmRequest) {
  const { partition, account, cpus, memoryMiB, gres, timeLimitMinutes } = wanted.resources;
  const variables = Object.entries(wanted.environment);
  return {
    script: wanted.script,
    job: {
      ...{ name: wanted.name, comment: wanted.comment, requeue: true, tasks: 1, cpus_per_task: cpus },
      ...{ current_working_directory: wanted.workingFolder, open_mode: 'append' },
      ...{ standard_output: wanted.outputPath, standard_error: wanted.outputPath },
      environment: listsEnvironment ? variables.map(([name, value]) => `${name}=${value}`) : wanted.environment,
      ...(partition !== undefined && { partition }),
      ...(account !== undefined && { account }),
      ...(memoryMiB !== undefined && { memory_per_node: memoryMiB }),
      ...(gres !== undefined && { [hasGres ? 'gres' : 'tres_per_node']: `gres:${gres}` }),
      ...(timeLimitMinutes !== undefined && { time_limit: timeLimitMinutes }),
    },
  };
}

async function request(access: SlurmAccess, method: string, url: string, body?: unknown): Promise<unknown> {
  const headers = {
    'X-SLURM-USER-NAME': access.user,
    'X-SLURM-USER-TOKEN': access.token(),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const where = `${method} ${url}`;
  let [status, text] = [0, ''];
  try {
    const response = await fetch(url, {
      ...{ method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    [status, text] = [response.status, await response.text()];
  } catch (cause) {
    const words = messageOf(cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause);
    throw new TransientError(
      `slurmrestd does not answer to ${where}: ${words}; is TIRESIAS_SLURM_URL right, and does it run?`,
      { cause },
    );
  }
  if (status === 401 || status === 403) throw new InputError(`${where} was answered with ${status}: ${TOKEN_ADVICE}`);
  const found = readJson(text);
  const faults = answer.safeParse(found).data?.errors ?? [];
  if (status < 400 && faults.length === 0) return found;
  throw refusalOf(where, status, faults, text);
}

const TOKEN_ADVICE =
  'a token that is wrong or has run out is answered so; make one with `scontrol token` for the user in TIRESIAS_SLURM_USER, and set TIRESIAS_SLURM_TOKEN or write it into the file that TIRESIAS_SLURM_TOKEN_FILE names';

function refusalOf(where: string, status: number, faults: readonly z.infer<typeof fault>[], text: string): Error {
  const words =
    faults.map(({ error, description: more }) => [error, more].filter(Boolean).join(': ')).join('; ') ||
    text.slice(0, 200);
  const code = faults.map((one) => one.error_number ?? one.error_code ?? 0).find(isRefusal);
  if (code !== undefined) {
    return new Refusal(
      `${where} was refused: ${words} (${code}); look at the TIRESIAS_SLURM_ settings of the worker: partition, account, cpus, memory, gres, time limit`,
      code,
    );
  }
  // slurmrestd hands a bad token on to slurmctld, and answers 500 like for one that is away.
  return new TransientError(
    `${where} was answered with ${status}: ${words}; slurmctld may be away, or: ${TOKEN_ADVICE}`,
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function parse<T extends z.ZodType>(schema: T, value: unknown, where: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new DataError(
    `${where}: field "${issue?.path.join('.') ?? ''}": ${issue?.message ?? ''}; is this version of slurmrestd too new?`,
  );
}
