// Jobs as runs of an MLflow tracking server, over its REST API 2.0: one run an arm, found again by its tags, so that exporting twice adds only what is new.
import { InputError, messageOf, TransientError } from '../errors.ts';
import { armsOf, grouped, pointsOf, type JobReport, type Point } from './job-report.ts';

/** What one request may hold, by MLflow's own limits. */
const [MAX_METRICS, MAX_PARAMS, MAX_VALUE] = [1000, 100, 500];
const TIMEOUT_MS = 30_000;

const STATUS: Readonly<Record<string, string>> = { succeeded: 'FINISHED', failed: 'FAILED', cancelled: 'KILLED' };

export interface MlflowServer {
  /** Such as http://127.0.0.1:5000. */
  readonly uri: string;
  /** The value of the header Authorization. */
  readonly authorization?: string | undefined;
}

interface Run {
  readonly info: { readonly run_id: string };
  readonly data?: { readonly tags?: readonly Tag[] };
}

interface Tag {
  readonly key: string;
  readonly value: string;
}

/** Brings the server up to the report: runs, parameters, figures behind the last step it has, state. Returns the number of figures. */
export async function exportToMlflow(report: JobReport, server: MlflowServer, experiment: string): Promise<number> {
  const experimentId = await findExperiment(server, experiment);
  let numPoints = 0;
  for (const arm of armsOf(report)) {
    const { info, data } = await findRun(server, experimentId, report, arm);
    const last = Number(data?.tags?.find(({ key }) => key === 'tiresias.lastStep')?.value ?? -1);
    const points = pointsOf(report, arm, last);
    await log(server, info.run_id, { params: parametersOf(report, arm) });
    // The mark moves with the figures before it: a request that fails is repeated from there.
    for (const batch of batchesOf(points)) {
      const tags = [{ key: 'tiresias.lastStep', value: String(batch.at(-1)!.step) }];
      await log(server, info.run_id, { metrics: batch.map(metricOf), tags });
    }
    await settle(server, info.run_id, report);
    numPoints += points.length;
  }
  return numPoints;
}

/** In order of steps, whole steps together: a mark must not stand inside one. */
function batchesOf(points: readonly Point[]): Point[][] {
  const bySteps = grouped(
    [...points].sort((a, b) => a.step - b.step),
    ({ step }) => step,
  );
  const batches: Point[][] = [];
  for (const step of bySteps.values()) {
    const open = batches.at(-1);
    if (open !== undefined && open.length + step.length < MAX_METRICS) open.push(...step);
    else batches.push([...step]);
  }
  return batches;
}

function metricOf({ name, value, step, timeMs }: Point) {
  return { key: name.replace(/[^\w\-./: ]/g, '_'), value, step, timestamp: Math.round(timeMs) };
}

function parametersOf({ job }: JobReport, arm: string): Tag[] {
  const flat = (value: unknown, path: string): Tag[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, path === '' ? key : `${path}.${key}`))
      : [{ key: path, value: shortened(typeof value === 'string' ? value : JSON.stringify(value)) }];
  return [{ key: 'arm', value: arm }, ...flat(job.spec, '')].slice(0, MAX_PARAMS);
}

function shortened(text: string): string {
  return text.length <= MAX_VALUE ? text : `${text.slice(0, MAX_VALUE - 1)}…`;
}

async function findExperiment(server: MlflowServer, name: string): Promise<string> {
  const found = await call(server, `experiments/get-by-name?${new URLSearchParams({ experiment_name: name })}`);
  if (found !== null) return (found as { experiment: { experiment_id: string } }).experiment.experiment_id;
  return ((await call(server, 'experiments/create', { name })) as { experiment_id: string }).experiment_id;
}

async function findRun(server: MlflowServer, experimentId: string, { job }: JobReport, arm: string): Promise<Run> {
  const filter = `tags."tiresias.job" = '${job.id}' and tags."tiresias.arm" = '${arm}'`;
  const found = await call(server, 'runs/search', { experiment_ids: [experimentId], filter, max_results: 1 });
  const [run] = (found as { runs?: Run[] } | null)?.runs ?? [];
  if (run !== undefined) return run;
  const tags = Object.entries({ 'tiresias.job': job.id, 'tiresias.arm': arm }).map(([key, value]) => ({ key, value }));
  const created = await call(server, 'runs/create', {
    ...{ experiment_id: experimentId, run_name: `${job.name}: ${arm}`, start_time: Date.parse(job.createdAt), tags },
  });
  return (created as { run: Run }).run;
}

function log(server: MlflowServer, runId: string, what: object): Promise<unknown> {
  return call(server, 'runs/log-batch', { run_id: runId, ...what });
}

async function settle(server: MlflowServer, runId: string, { job }: JobReport): Promise<void> {
  const status = STATUS[job.state] ?? 'RUNNING';
  const end = job.finishedAt === null ? {} : { end_time: Date.parse(job.finishedAt) };
  await call(server, 'runs/update', { run_id: runId, status, ...end });
}

/** Null where the thing asked for does not exist. */
async function call({ uri, authorization }: MlflowServer, path: string, body?: object): Promise<unknown> {
  const url = `${uri.replace(/\/+$/, '')}/api/2.0/mlflow/${path}`;
  const where = `the MLflow server at ${uri}`;
  let response: Response;
  try {
    response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (cause) {
    throw new TransientError(`${where} does not answer (${messageOf(cause)}): start it, or name another with --uri`, {
      cause,
    });
  }
  const answer = (await response.json().catch(() => ({}))) as { error_code?: string; message?: string };
  if (response.ok) return answer;
  if (answer.error_code === 'RESOURCE_DOES_NOT_EXIST') return null;
  const words = `${where} refused ${path.split('?')[0]} (HTTP ${response.status}): ${answer.message ?? 'no reason given'}`;
  if (response.status >= 500 || response.status === 429) throw new TransientError(words);
  throw new InputError(
    response.status === 401 || response.status === 403 ? `${words}; set MLFLOW_TRACKING_TOKEN` : words,
  );
}
