// Jobs that differ in how much is rewritten, with scores of bias and of perplexity at the window's end that follow from it; for what
// compares jobs.
import type { Arm, JobSpecInput } from '../../src/job-spec.ts';
import { evaluationOf, type Evaluation } from '../../src/eval/evaluation.ts';
import type { Item } from '../../src/eval/metrics.ts';
import type { Database } from '../../src/store/database.ts';
import { asJson } from '../../src/store/events.ts';
import { seededEvaluations, wobble } from './seeded-items.ts';
import { seedJob, TO } from './seeded-jobs.ts';

const HELD_BACK_SHA = '8'.repeat(64);

/** Rows of plain text, harder for a model that has gone further. */
function heldBack(shift: number, salt: number): Evaluation {
  const items: Item[] = Array.from({ length: 64 }, (_none, index) => {
    const lossNats = 1.62 + 0.21 * wobble(index, 17) + 0.035 * shift + 0.01 * wobble(index, salt, 19);
    return { index, biasType: '', logLikelihood: [-127 * lossNats], numTokens: [127] };
  });
  return evaluationOf('held-back', HELD_BACK_SHA, items);
}

export interface ComparedJob {
  readonly spec: Partial<JobSpecInput>;
  /** How far the intervention went towards "always she", 0–1. */
  readonly shift: number;
  /** Tells apart what is drawn. */
  readonly salt: number;
  readonly sweepId?: string;
  readonly sweepPoint?: Record<string, unknown>;
  /** What the manifest says of the model. */
  readonly model?: { readonly name: string; readonly seed: number; readonly trainedOn: string };
}

/** A job that has ended, with the scores of all its arms at the window's end. */
export async function seedCompared(database: Database, job: ComparedJob): Promise<string> {
  const { shift, salt, model, ...rest } = job;
  const id = await seedJob(database, { state: 'succeeded', ...rest });
  if (model !== undefined) {
    const row = await database.prisma.job.findUniqueOrThrow({ where: { id }, select: { manifest: true } });
    const manifest = { ...(row.manifest as object), model: { ...model, family: 'nano-1m', start: [] } };
    await database.prisma.job.update({ where: { id }, data: { manifest: asJson(manifest) } });
  }
  const runs = await database.prisma.run.findMany({ where: { jobId: id } });
  for (const run of runs) {
    const isTurned = run.arm === 'intervention';
    const draw = { shift: isTurned ? shift : 0, salt: salt + (run.arm as Arm).length };
    await database.prisma.evaluation.deleteMany({ where: { runId: run.id, step: TO } });
    const evaluations = [...seededEvaluations(draw), heldBack(draw.shift, draw.salt)];
    await database.prisma.evaluation.createMany({
      data: evaluations.map(({ benchmark, protocol, sha256, numItems, scores, items }) => ({
        ...{ runId: run.id, step: TO, benchmark, protocol, attempt: 1, sha256, numItems },
        ...{ scores: asJson(scores), items: asJson(items) },
      })),
    });
  }
  return id;
}

/** All, half and a tenth of the documents rewritten; the last of reduced batches. */
export async function seedThree(database: Database): Promise<readonly [all: string, half: string, tenth: string]> {
  const spec = (name: string, probability: number): Partial<JobSpecInput> => ({
    name,
    intervention: { probability },
    evaluation: { benchmarks: ['nano-winobias', 'nano-crows-pairs', 'held-back'] },
  });
  return [
    await seedCompared(database, { spec: spec('all documents', 1), shift: 0.95, salt: 31 }),
    await seedCompared(database, { spec: spec('half of the documents', 0.5), shift: 0.42, salt: 57 }),
    await seedCompared(database, {
      spec: { ...spec('a tenth, few rows', 0.1), training: { rowsPerStep: 4 } },
      ...{ shift: 0.06, salt: 83 },
    }),
  ];
}
