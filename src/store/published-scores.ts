// Scores of published checkpoints, shared one by one: two jobs that score the same checkpoint on other benchmarks each have those that both want from whoever was
// first. A scoring is one evaluation and so there or not: whose job is gone left nothing that another would go on with. It is claimed as runs are (shared-runs.ts),
// done with the recording of its evaluation, and taken by a row that names that.
import { settingsText, type ScoringSettings } from '../job-spec.ts';
import type { Database, Transaction } from './database.ts';
import { appendEvent } from './events.ts';
import { fenced, type Fence } from './leases.ts';
import { lockHolders, lockIdle, originOf, SHOWN_EVALUATIONS, type Origin } from './shared-runs.ts';

/** How a checkpoint is scored: with its step the identity of an evaluation of a run. */
export interface ScoredHow {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
}

/** With the key of all that its numbers depend on. */
export interface WantedScore extends ScoredHow {
  readonly key: string;
}

export interface ScoreClaims<Wanted extends WantedScore> {
  /** To be scored by the job that asks. */
  readonly ours: readonly Wanted[];
  /** A job that is at work on others; undefined where none is. */
  readonly heldBy: Origin | undefined;
}

const PART = 'published';

/** Takes of the wanted scores of the job's published checkpoint, at `step`, those that are there, and claims those that nobody is at work on. */
export async function claimScores<Wanted extends WantedScore>(
  database: Database,
  fence: Fence,
  step: number,
  wanted: readonly Wanted[],
): Promise<ScoreClaims<Wanted>> {
  const { jobId } = fence;
  return fenced(database, fence, async (transaction) => {
    const { id: runId } = await publishedRun(transaction, jobId);
    const shown = await shownScorings(transaction, runId, step);
    const missing = wanted.filter((one) => !shown.has(scoringText(one)));
    const keys = missing.map(({ key }) => key).sort(); // in one order for all, so that no two wait for each other
    await transaction.sharedRun.deleteMany({ where: { jobId, part: PART, isDone: false, key: { notIn: keys } } });
    const rows = missing.map((one) => ({ key: one.key, part: PART, scoring: scoringText(one), jobId }));
    await transaction.sharedRun.createMany({
      data: rows.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
      skipDuplicates: true,
    });
    const ours: Wanted[] = [];
    let heldBy: Origin | undefined;
    for (const holder of await lockHolders(transaction, keys)) {
      const score = missing.find(({ key }) => key === holder.key)!; // it was asked for
      if (holder.job === jobId) ours.push(score);
      else if (holder.isDone) await takeScore(transaction, { jobId, runId, step, score, by: originOf(holder) });
      else if (holder.isAtWork || !(await lockIdle(transaction, holder.job))) heldBy = originOf(holder);
      else {
        await transaction.sharedRun.update({ where: { key: holder.key }, data: { jobId } });
        ours.push(score);
      }
    }
    return { ours, heldBy };
  });
}

/** Lets others take a score, where the job has claimed it. Inside the transaction that records it. */
export async function finishScore(transaction: Transaction, jobId: string, how: ScoredHow): Promise<void> {
  await transaction.sharedRun.updateMany({
    where: { jobId, part: PART, scoring: scoringText(how) },
    data: { isDone: true },
  });
}

function scoringText({ benchmark, protocol, settings }: ScoredHow): string {
  return [benchmark, protocol, settingsText(settings)].join(' ');
}

function publishedRun(transaction: Transaction, jobId: string) {
  return transaction.run.findUniqueOrThrow({ where: { jobId_arm: { jobId, arm: PART } }, select: { id: true } });
}

/** What the run has, of its own or taken. */
async function shownScorings(transaction: Transaction, runId: string, step: number): Promise<Set<string>> {
  const rows = await transaction.$queryRaw<{ scoring: string }[]>`
    SELECT evaluation.benchmark || ' ' || evaluation.protocol || ' ' || evaluation.settings AS scoring
    FROM run ${SHOWN_EVALUATIONS} WHERE run.id = ${runId}::uuid AND evaluation.step = ${step}`;
  return new Set(rows.map(({ scoring }) => scoring));
}

interface Taking {
  readonly jobId: string;
  readonly runId: string;
  readonly step: number;
  readonly score: ScoredHow;
  readonly by: Origin;
}

async function takeScore(transaction: Transaction, { jobId, runId, step, score, by }: Taking): Promise<void> {
  const { benchmark, protocol, settings } = score;
  const { id: fromRunId } = await publishedRun(transaction, by.job);
  await transaction.takenScore.create({
    data: { runId, fromRunId, step, benchmark, protocol, settings: settingsText(settings) },
  });
  await appendEvent(transaction, jobId, 'taken-over', { arm: PART, benchmark, protocol, ...by });
}
