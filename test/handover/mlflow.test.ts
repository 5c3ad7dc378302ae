// The export against a server that keeps what MLflow keeps and holds requests to MLflow's documented limits.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError, TransientError } from '../../src/errors.ts';
import { exportToMlflow } from '../../src/handover/mlflow.ts';
import { aReport } from './report.ts';

interface Pair {
  readonly key: string;
  readonly value: string;
}

interface Run {
  readonly info: { run_id: string; status: string; end_time?: number };
  readonly tags: Map<string, string>;
  readonly params: Map<string, string>;
  readonly metrics: { key: string; value: number; step: number; timestamp: number }[];
}

let server: Server;
let uri: string;
let runs: Run[];
let experiments: string[];
let failAt: string | null;
let seenAuthorization: string | undefined;

type Body = Record<string, never> & {
  name: string;
  filter: string;
  run_id: string;
  status: string;
  end_time?: number;
  tags?: Pair[];
  params?: Pair[];
  metrics?: Run['metrics'];
};

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

function answer(path: string, query: URLSearchParams, body: Body): unknown {
  if (failAt === path) throw new Refusal(503, 'TEMPORARILY_UNAVAILABLE', 'down');
  const run = runs.find(({ info }) => info.run_id === body.run_id);
  switch (path) {
    case 'experiments/get-by-name': {
      const place = experiments.indexOf(query.get('experiment_name')!);
      if (place < 0) throw new Refusal(404, 'RESOURCE_DOES_NOT_EXIST', 'no such experiment');
      return { experiment: { experiment_id: String(place) } };
    }
    case 'experiments/create':
      return { experiment_id: String(experiments.push(body.name) - 1) };
    case 'runs/search': {
      const wanted = [...body.filter.matchAll(/tags\."([^"]+)" = '([^']+)'/g)];
      const found = runs.filter(({ tags }) => wanted.every(([, key, value]) => tags.get(key!) === value));
      const shown = found.map(({ info, tags }) => ({
        info,
        data: { tags: [...tags].map(([key, value]) => ({ key, value })) },
      }));
      return shown.length === 0 ? {} : { runs: shown };
    }
    case 'runs/create': {
      const tags = new Map(body.tags!.map(({ key, value }) => [key, value]));
      runs.push({ info: { run_id: `r${runs.length}`, status: 'RUNNING' }, tags, params: new Map(), metrics: [] });
      return { run: { info: runs.at(-1)!.info } };
    }
    case 'runs/log-batch':
      return logBatch(run!, body);
    case 'runs/update':
      Object.assign(run!.info, { status: body.status, end_time: body.end_time });
      return { run_info: run!.info };
    default:
      throw new Refusal(404, 'ENDPOINT_NOT_FOUND', path);
  }
}

function logBatch(run: Run, { metrics = [], params = [], tags = [] }: Body): unknown {
  if (metrics.length > 1000 || params.length > 100 || tags.length > 100)
    throw new Refusal(400, 'INVALID_PARAMETER_VALUE', 'a batch is too large');
  for (const { key, value } of params) {
    if (value.length > 500 || (run.params.get(key) ?? value) !== value)
      throw new Refusal(400, 'INVALID_PARAMETER_VALUE', `parameter ${key}`);
    run.params.set(key, value);
  }
  for (const metric of metrics) {
    if (!/^[\w\-./: ]+$/.test(metric.key) || !Number.isInteger(metric.timestamp) || !Number.isFinite(metric.value))
      throw new Refusal(400, 'INVALID_PARAMETER_VALUE', `metric ${metric.key}`);
    run.metrics.push(metric);
  }
  for (const { key, value } of tags) run.tags.set(key, value);
  return {};
}

beforeEach(async () => {
  [runs, experiments, failAt] = [[], [], null];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url!, 'http://server');
      seenAuthorization = request.headers.authorization;
      const body = (chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString('utf8'))) as Body;
      try {
        const path = pathname.slice('/api/2.0/mlflow/'.length);
        response.end(JSON.stringify(answer(path, searchParams, body)));
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        response.writeHead(error.status).end(JSON.stringify({ error_code: error.code, message: error.message }));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => void server.close());

const armOf = (arm: string) => runs.find(({ tags }) => tags.get('tiresias.arm') === arm)!;

describe('exportToMlflow', () => {
  it('makes a run an arm, with parameters, figures and state', async () => {
    await exportToMlflow(aReport(4), { uri: `${uri}/`, authorization: 'Bearer secret' }, 'bias');
    expect(seenAuthorization).toBe('Bearer secret');
    expect(runs.map(({ tags }) => tags.get('tiresias.arm'))).toEqual(['published', 'control', 'intervention']);
    const { info, params, metrics } = armOf('intervention');
    expect(info).toMatchObject({ status: 'FINISHED', end_time: Date.parse('2026-01-01T01:00:00.000Z') });
    expect(Object.fromEntries(params)).toMatchObject({ arm: 'intervention', 'intervention.probability': '0.5' });
    expect(metrics.filter(({ key }) => key === 'train/lossNats').map(({ step }) => step)).toEqual([101, 103, 104]);
    expect(metrics.find(({ key }) => key === 'winobias/likelihood/proRate')).toMatchObject({ step: 104, value: 0.52 });
  });

  it('adds nothing when it is repeated, and each figure once while a job runs and after', async () => {
    const running = { state: 'running', finishedAt: null };
    for (const report of [aReport(2, running), aReport(600, running), aReport(600), aReport(600)])
      await exportToMlflow(report, { uri }, 'bias');
    expect(runs).toHaveLength(3);
    const points = armOf('control').metrics.map(({ key, step }) => `${key} ${step}`);
    expect(new Set(points).size).toBe(points.length);
    expect(points).toHaveLength(2 * 600 - 1 + 3);
    expect(armOf('control').info.status).toBe('FINISHED');
  });

  it('goes on from what arrived when the server fails in between', async () => {
    failAt = 'runs/update';
    await expect(exportToMlflow(aReport(4), { uri }, 'bias')).rejects.toThrow(TransientError);
    failAt = null;
    await exportToMlflow(aReport(4), { uri }, 'bias');
    const points = runs.flatMap(({ tags, metrics }) =>
      metrics.map(({ key, step }) => `${tags.get('tiresias.arm')} ${key} ${step}`),
    );
    expect(new Set(points).size).toBe(points.length);
  });

  it('says which server does not answer, and what it refused', async () => {
    await expect(exportToMlflow(aReport(1), { uri: 'http://127.0.0.1:1' }, 'bias')).rejects.toThrow(
      /MLflow server at http:\/\/127\.0\.0\.1:1 does not answer .*--uri/,
    );
    const report = aReport(1);
    await exportToMlflow(report, { uri }, 'bias');
    const other = { ...report, job: { ...report.job, spec: { ...report.job.spec, model: 'another' } } };
    await expect(exportToMlflow(other, { uri }, 'bias')).rejects.toThrow(InputError);
    await expect(exportToMlflow(other, { uri }, 'bias')).rejects.toThrow(/refused runs\/log-batch .*parameter model/);
  });
});
