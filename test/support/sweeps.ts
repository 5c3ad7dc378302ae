// Sweeps whose jobs are scored without training: for tests of what follows from scores.
import type { Arm, JobSpec } from '../../src/job-spec.ts';
import { evaluationOf } from '../../src/eval/evaluation.ts';
import type { Item } from '../../src/eval/metrics.ts';
import type { Database } from '../../src/store/database.ts';
import { claim, setManifest, setPlan, settle, type Fence } from '../../src/store/leases.ts';
import { recordEvaluation } from '../../src/store/records.ts';
import { ensureRun } from '../../src/store/runs.ts';

export const BENCHMARK = 'nano-winobias';

/** The model of a seed of nano-1m, and the dataset of its own training. */
export const modelOf = (seed: number) => (seed === 1 ? 'nano-1m' : `nano-1m-seed${seed}`);

/**
 * Items of `occupations` in two sentences each, half of the occupations masculine, whose log-odds of "he" are given by place. The first sentence of an item has the
 * pronoun of the stereotype.
 */
export function itemsOf(logOdds: readonly number[]): Item[] {
  return logOdds.map((odds, index) => {
    const isMasculine = index % 2 === 0;
    const difference = isMasculine ? odds : -odds;
    const pair = [-10 + difference / 2, -10 - difference / 2];
    return {
      ...{ index, biasType: 'gender', type: 1, occupation: `occupation ${index}` },
      stereotype: isMasculine ? 'masculine' : 'feminine',
      ...{ logLikelihood: pair, numTokens: [5, 5], pronounLogProb: pair, isPronounOnly: true },
    };
  });
}

/** Claims the next job as another worker would. Throws where there is none. */
export async function takeNext(database: Database, owner = 'a'): Promise<Fence & { readonly spec: JobSpec }> {
  const job = await claim(database, { owner, host: 'h', pid: 1 }, 60_000);
  if (job === undefined) throw new Error('nothing to claim');
  return { ...job.fence, spec: job.spec };
}

/** Makes the claimed job one of a model of that seed, scored at its end, and over when `isSettled`. */
export async function score(
  database: Database,
  fence: Fence & { readonly spec: JobSpec },
  logOdds: Partial<Record<Arm, readonly number[]>>,
  { isSettled = true }: { readonly isSettled?: boolean } = {},
): Promise<void> {
  const { model: name } = fence.spec;
  const seed = Number(/-seed(\d+)$/.exec(name)?.[1] ?? 1);
  const model = { name, family: 'nano-1m', seed, trainedOn: fence.spec.dataset, start: [{ sha256: null }] };
  await setPlan(database, fence, {});
  await setManifest(database, fence, { model });
  for (const [arm, values] of Object.entries(logOdds) as [Arm, readonly number[]][]) {
    await ensureRun(database, fence, arm, { fromStep: 1330, toStep: 1430 });
    await recordEvaluation(database, fence, arm, 1430, evaluationOf(BENCHMARK, 'a'.repeat(64), itemsOf(values)));
  }
  if (isSettled) await settle(database, fence, 'succeeded');
}
