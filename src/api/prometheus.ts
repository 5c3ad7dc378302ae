// GET /metrics: the service's figures in Prometheus' text format 0.0.4, read when they are asked for.
import type { RequestHandler } from 'express';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { DiskUsage } from '../disk-usage.ts';
import { JOB_STATES } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { readVitals, type Vitals } from '../store/vitals.ts';

const OUTCOMES = ['succeeded', 'failed', 'cancelled', 'preempted', 'paused', 'lost'];

/** One metric: name, type, help, and its samples by label. */
type Family = readonly [name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]];
type Sample = readonly [labels: string, value: number];

/** What answers GET /metrics. */
export function prometheusMetrics(database: Database, disk?: () => Promise<DiskUsage>): RequestHandler {
  const delay = monitorEventLoopDelay();
  delay.enable();
  return async (_request, response) => {
    const [vitals, usage] = await Promise.all([readVitals(database), disk?.()]);
    const families = [...familiesOf(vitals), ...diskFamilies(usage), ...ownFamilies(delay.percentile(99) / 1e9)];
    delay.reset();
    response.type('text/plain; version=0.0.4; charset=utf-8').send(families.map(textOf).join(''));
  };
}

function familiesOf(vitals: Vitals): Family[] {
  const byLabel = (label: string, names: readonly string[], counts: Readonly<Record<string, number>>) =>
    names.map((name): Sample => [`{${label}="${name}"}`, counts[name] ?? 0]);
  return [
    ['tiresias_jobs', 'gauge', 'Jobs by state.', byLabel('state', JOB_STATES, vitals.jobsByState)],
    [
      'tiresias_attempts_total',
      'counter',
      'Attempts that have ended, by outcome; lost ones are leases that ran out.',
      byLabel('outcome', OUTCOMES, vitals.attemptsByOutcome),
    ],
    one(
      'tiresias_queue_oldest_seconds',
      'gauge',
      'How long the oldest job waits that could run.',
      vitals.oldestQueuedSeconds,
    ),
    one(
      'tiresias_heartbeat_oldest_seconds',
      'gauge',
      'The longest silence of a worker with a job.',
      vitals.oldestHeartbeatSeconds,
    ),
    one(
      'tiresias_tokens_per_second',
      'gauge',
      'Tokens that all arms in training take a second.',
      vitals.tokensPerSecond,
    ),
    one('tiresias_edits_per_second', 'gauge', 'Words that are rewritten a second.', vitals.editsPerSecond),
    one('tiresias_steps_total', 'counter', 'Steps that arms have finished.', vitals.numSteps),
    one('tiresias_evaluations_total', 'counter', 'Scores of an arm on a benchmark.', vitals.numEvaluations),
    one('tiresias_database_bytes', 'gauge', 'Size of the database.', vitals.databaseBytes),
  ];
}

function diskFamilies(usage: DiskUsage | undefined): Family[] {
  if (usage === undefined) return [];
  const { usedBytes, quotaBytes, freeBytes } = usage;
  return [
    one('tiresias_disk_used_bytes', 'gauge', 'What jobs and caches take below TIRESIAS_HOME.', usedBytes),
    ...(quotaBytes === null
      ? []
      : [one('tiresias_disk_quota_bytes', 'gauge', 'What they may take: TIRESIAS_DISK_QUOTA.', quotaBytes)]),
    one('tiresias_disk_free_bytes', 'gauge', 'What is free on that file system.', freeBytes),
  ];
}

function ownFamilies(delaySeconds: number): Family[] {
  return [
    one('tiresias_server_resident_bytes', 'gauge', 'Resident memory of the server.', process.memoryUsage.rss()),
    one(
      'tiresias_server_event_loop_seconds',
      'gauge',
      "99th percentile of the event loop's delay since the last scrape.",
      delaySeconds,
    ),
  ];
}

function one(name: string, type: Family[1], help: string, value: number): Family {
  return [name, type, help, [['', Number.isFinite(value) ? value : 0]]];
}

function textOf([name, type, help, samples]: Family): string {
  const lines = samples.map(([labels, value]) => `${name}${labels} ${value}\n`);
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
}
