// Trial: kill -9 of a trainer, of the worker and of Postgres in mid-job. The job ends succeeded, with the scores of an undisturbed
// run, and no step is recorded twice.
import { execFileSync } from 'node:child_process';
import { startService, type Service } from '../../src/cli/up.ts';
import { expectTrue } from './expect.ts';
import { get, getScores, nanoSpec, submit, waitForEnd } from './nano-job.ts';

const WINDOW = {
  checkpoint: 'step1330',
  window: { to: 1370 },
  training: { checkpointEvery: 5, shareArms: false }, // each job trains what it is compared by
  evaluation: { every: 20 },
};
const NUM_STEPS = 40;

export async function faults(): Promise<void> {
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error');
  try {
    const quiet = await runJob(service, 'undisturbed', []);
    const disturbed = await runJob(service, 'disturbed', [
      { atStep: 1337, what: 'trainer', kill: killTrainer },
      { atStep: 1346, what: 'worker', kill: ({ worker }) => kill(worker) },
      { atStep: 1357, what: 'postgres', kill: ({ database }) => kill(database) },
    ]);
    expectTrue('final scores are the same numbers', quiet.scores === disturbed.scores);
    for (const arm of ['control', 'intervention']) {
      const steps = disturbed.metrics.arms[arm]?.step ?? [];
      const expected = Array.from({ length: NUM_STEPS }, (_, i) => 1330 + i);
      expectTrue(`${arm}: every step recorded once`, JSON.stringify(steps) === JSON.stringify(expected));
    }
  } finally {
    await service.stop();
  }
}

interface Fault {
  readonly atStep: number;
  readonly what: string;
  readonly kill: (pids: ReturnType<Service['pids']>) => void;
}

async function runJob(service: Service, name: string, faults: Fault[]) {
  const waiting = [...faults];
  const id = await submit(service.url, nanoSpec({ name: `acceptance: ${name}`, ...WINDOW }));
  const job = await waitForEnd(service.url, id, ({ arms }) => {
    const next = waiting[0];
    const reached = Math.max(0, ...arms.filter(({ arm }) => arm === 'intervention').map(({ step }) => step));
    if (next === undefined || reached < next.atStep) return;
    waiting.shift();
    console.log(`   intervention at step ${reached}: kill -9 of the ${next.what}`);
    next.kill(service.pids());
  });
  console.log(`   ${name}: ${job.state} in attempt ${job.attempt}`);
  expectTrue(`${name}: succeeded`, job.state === 'succeeded');
  expectTrue(`${name}: every fault was dealt`, waiting.length === 0);
  const { scores } = await getScores(service.url, id);
  const metrics = await get<{ arms: Record<string, { step: number[] }> }>(`${service.url}/v1/jobs/${id}/metrics`);
  return {
    scores: JSON.stringify(
      scores.map(({ arm, step, benchmark, metric, value }) => [arm, step, benchmark, metric, value]),
    ),
    metrics,
  };
}

/** Kills one trainer: the youngest child of the worker. */
function killTrainer({ worker }: ReturnType<Service['pids']>): void {
  const children = execFileSync('pgrep', ['-n', '-P', String(worker)], { encoding: 'utf8' });
  kill(Number(children.trim()));
}

function kill(pid: number | undefined): void {
  if (pid === undefined || !(pid > 1)) throw new Error('there is no such process');
  process.kill(pid, 'SIGKILL');
}
