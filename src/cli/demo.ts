// `tiresias demo`: the whole experiment on the nano suite, submitted over HTTP like any other job, watched and told as a table.
import type { Command } from 'commander';
import { getSomePort } from './ports.ts';
import { describeEdits, describeResult, type EditsAnswer, type ScoresAnswer } from './report.ts';
import { startProgress } from './progress.ts';
import { startService, untilInterrupted } from './up.ts';
import type { JobSpecInput } from '../job-spec.ts';
import { homeFolder, listenAddress } from '../settings.ts';
import { createToken, revokeToken } from '../store/tokens.ts';

interface DemoOptions {
  readonly once?: boolean;
  readonly probability: string;
  readonly backend: JobSpecInput['backend'];
}

interface JobAnswer {
  readonly id: string;
  readonly state: string;
  readonly message: string | null;
  readonly plan: { readonly backend: { readonly name: string; readonly reason: string }; readonly to: number } | null;
  readonly progress: {
    readonly arms: Record<
      string,
      { step: number; from: number; to: number; lossNats: number | null; tokensPerSecond: number | null }
    >;
    readonly secondsLeft: number | null;
  } | null;
}

/** Whatever TIRESIAS_HOST says: nobody else is to see a demo. */
const LOOPBACK = '127.0.0.1';
const POLL_MS = 1_000;
const MOST_TRIES = 60;

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('the whole experiment on the nano suite: replay, rewrite, resume, measure (minutes)')
    .option('--once', 'end after the table instead of staying up')
    .option('--probability <p>', 'share of the documents that are rewritten', '1')
    .option('--backend <name>', 'auto, cuda, tensorflow, native, wasm or cpu', 'auto')
    .addHelpText('after', '\nExample:\n  $ tiresias demo --once\n  $ tiresias demo --probability 0.25')
    .action(async (options: DemoOptions) => {
      const startedMs = performance.now();
      const { port } = listenAddress();
      const address = { host: LOOPBACK, port: await getSomePort(LOOPBACK, port) };
      const service = await startService(address, 'warn', homeFolder(), 'tokens');
      const { token, row } = await createToken(service.database, { name: 'demo', scope: 'admin', lifetimeDays: 1 });
      process.stderr.write(
        `Tiresias is at ${service.url} (started in ${seconds(startedMs)} s); its token, for a day: ${token}\n`,
      );
      const interrupted = untilInterrupted();
      const outcome = await Promise.race([
        runDemo(service.url, token, options),
        interrupted.then(() => 'interrupted' as const),
      ]);
      if (outcome !== 'interrupted') {
        process.stderr.write(`The page: ${service.url}/#/jobs/${outcome.id} (the demo took ${seconds(startedMs)} s)\n`);
        if (options.once !== true) {
          process.stderr.write(`It lets in who opens ${service.url}/#/sign-in?token=${token}\n`);
          process.stderr.write('It stays up until Ctrl-C.\n');
          await interrupted;
        }
      }
      await revokeToken(service.database, row.id);
      await service.stop();
      process.exit(outcome === 'interrupted' || outcome.state === 'succeeded' ? 0 : 1);
    });
}

async function runDemo(url: string, token: string, options: DemoOptions): Promise<JobAnswer> {
  const request = <T>(path: string, sent: RequestInit = {}) => ask<T>(url, token, path, sent);
  const spec: JobSpecInput = {
    name: `demo: nano-1m, 1330 → 1430, probability ${options.probability}`,
    model: 'nano-1m',
    checkpoint: 'step1330',
    dataset: 'nano-stories',
    intervention: { direction: 'masculine-to-feminine', probability: Number(options.probability) },
    backend: options.backend,
  };
  const body = JSON.stringify(spec);
  const { job: submitted } = await request<{ job: JobAnswer }>('/v1/jobs', { method: 'POST', body });
  process.stderr.write(`job ${submitted.id} submitted: ${url}/#/jobs/${submitted.id}\n`);
  const job = await watch(() => request<JobAnswer>(`/v1/jobs/${submitted.id}`));
  if (job.state !== 'succeeded') {
    process.stderr.write(`job ${job.state}: ${job.message ?? 'no words'}\n`);
    return job;
  }
  const scores = await request<ScoresAnswer>(`/v1/jobs/${job.id}/scores`);
  const edits = await request<EditsAnswer>(`/v1/jobs/${job.id}/edits?arm=intervention&limit=100`);
  process.stdout.write(describeResult(scores, job.plan?.to ?? 0));
  process.stdout.write(describeEdits(edits));
  if (job.message !== null) process.stdout.write(`\nNote: ${job.message}\n`);
  return job;
}

/** Follows the job to its end; two arms of 100 steps make 200 steps of progress. */
async function watch(read: () => Promise<JobAnswer>): Promise<JobAnswer> {
  let progress: ReturnType<typeof startProgress> | undefined;
  for (;;) {
    const job = await patiently(read);
    const arms = Object.entries(job.progress?.arms ?? {}).filter(([arm]) => arm !== 'published');
    const total = arms.reduce((sum, [, arm]) => sum + arm.to - arm.from, 0);
    if (progress === undefined && total > 0) {
      process.stderr.write(`back end ${job.plan?.backend.name ?? '?'}: ${job.plan?.backend.reason ?? '?'}\n`);
      progress = startProgress(total);
    }
    progress?.update(
      arms.reduce((sum, [, arm]) => sum + arm.step - arm.from, 0),
      describeArms(job),
    );
    if (['succeeded', 'failed', 'cancelled'].includes(job.state)) {
      progress?.stop();
      return job;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The database may be away for a moment; a second of patience each time, a minute in all. */
async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (let numTries = 1; ; numTries++) {
    try {
      return await ask();
    } catch (error) {
      if (numTries === MOST_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function describeArms({ progress }: JobAnswer): string {
  const arms = Object.entries(progress?.arms ?? {}).filter(([, arm]) => arm.lossNats !== null);
  const words = arms.map(
    ([name, arm]) => `${name} loss ${arm.lossNats?.toFixed(3)}, ${Math.round(arm.tokensPerSecond ?? 0)} tokens/s`,
  );
  const left = progress?.secondsLeft;
  return [...words, ...(left ? [`${Math.round(left)} s left`] : [])].join(' · ');
}

async function ask<T>(url: string, token: string, path: string, sent: RequestInit): Promise<T> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const response = await fetch(url + path, { ...sent, headers });
  if (!response.ok) throw new Error(`${url}${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

function seconds(startedMs: number): string {
  return ((performance.now() - startedMs) / 1000).toFixed(1);
}
