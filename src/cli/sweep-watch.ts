// Following a sweep to its end: a bar over its jobs, a line for each that ends. A server that is away for a while is asked again.
import { setTimeout as sleep } from 'node:timers/promises';
import { FINAL_STATES } from '../job-spec.ts';
import { ApiError } from './api-client.ts';
import type { Job } from './api-answers.ts';
import { startProgress } from './progress.ts';
import type { SweepClient, SweepWithJobs } from './sweep-client.ts';
import { printable } from './table.ts';

const POLL_MS = 2_000;
/** A server that has been away for so long is given up. */
const GIVE_UP_MS = 600_000;
/** What a shell expects of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Shows the sweep until nothing more will happen in it. Answers the exit code. Throws ApiError. */
export async function watchSweep(
  sweeps: SweepClient,
  id: string,
  { isQuiet, pollMs = POLL_MS }: { readonly isQuiet: boolean; readonly pollMs?: number },
): Promise<number> {
  const leave = () => {
    progress?.stop();
    process.stderr.write(
      `\nthe sweep goes on; \`tiresias sweep watch ${id}\` follows it, \`tiresias sweep cancel ${id}\` ends it\n`,
    );
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', leave);
  let progress: ReturnType<typeof startProgress> | undefined;
  const told = new Set<string>();
  try {
    for (;;) {
      const answer = await patiently(() => sweeps.get(id));
      const { sweep, jobs } = answer;
      progress ??= startProgress(sweep.numJobs);
      for (const job of jobs.filter(({ state, id: own }) => FINAL_STATES.includes(state) && !told.has(own))) {
        told.add(job.id);
        note(`${job.name}: ${job.state}${job.message === null ? '' : `: ${job.message}`}`);
      }
      progress.update(told.size, progressWords(answer));
      const code = exitCodeOf(answer);
      if (code !== null) {
        progress.stop();
        progress = undefined;
        if (!isQuiet) process.stdout.write(`${endWords(answer)}\n`);
        return code;
      }
      await sleep(pollMs);
    }
  } finally {
    process.off('SIGINT', leave);
    progress?.stop();
  }
}

function note(words: string): void {
  const clear = process.stderr.isTTY ? '\r\x1b[K' : '';
  process.stderr.write(`${clear}${printable(words)}\n`);
}

async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + GIVE_UP_MS;
  for (let isTold = false; ; isTold = true) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isPassing || Date.now() > deadline) throw error;
      if (!isTold) note('the server does not answer; trying again');
      await sleep(POLL_MS);
    }
  }
}

const isAtWork = ({ state }: Job) => !FINAL_STATES.includes(state) && state !== 'queued' && state !== 'paused';

function progressWords({ sweep, jobs }: SweepWithJobs): string {
  const atWork = jobs.filter(isAtWork).map((job) => `${Math.floor(100 * shareOf(job))} %`);
  const numWaiting = jobs.filter(({ state }) => state === 'queued' || state === 'paused').length;
  const held = sweep.heldBy === null ? '' : ` (${printable(sweep.heldBy)})`;
  return `jobs ended; at work: ${atWork.join(', ') || 'none'}; ${numWaiting} wait${held};`;
}

/** Of the steps of its trained arms. */
function shareOf({ arms, spec }: Job): number {
  const trained = arms.filter(({ arm }) => arm !== 'published');
  const length = Math.max(0, ...trained.map(({ fromStep, toStep }) => toStep - fromStep));
  const total = length * spec.arms.filter((arm) => arm !== 'published').length;
  return total === 0 ? 0 : trained.reduce((sum, { fromStep, step }) => sum + step - fromStep, 0) / total;
}

/** Null while something may still happen. */
function exitCodeOf({ sweep, jobs }: SweepWithJobs): number | null {
  const open = jobs.filter(({ state }) => !FINAL_STATES.includes(state));
  if (open.length === 0) {
    if (jobs.some(({ state }) => state === 'failed')) return 3;
    return sweep.state === 'cancelled' ? 4 : 0;
  }
  if (open.some(isAtWork)) return null;
  if (sweep.heldBy === 'budget' && open.every(({ attempt }) => attempt === 0)) return 5;
  return sweep.state === 'paused' && sweep.message !== null ? 3 : null; // paused by the service, which says why
}

function endWords({ sweep, jobs }: SweepWithJobs): string {
  const count = (state: string) => jobs.filter((job) => job.state === state).length;
  const counts = FINAL_STATES.map((state) => `${count(state)} ${state}`).join(', ');
  const numLeft = jobs.length - FINAL_STATES.reduce((sum, state) => sum + count(state), 0);
  if (numLeft === 0) return counts;
  const why =
    sweep.message === null ? 'the budget is spent; `tiresias sweep set` changes it' : printable(sweep.message);
  return `${counts}, ${numLeft} not begun: ${why}`;
}
