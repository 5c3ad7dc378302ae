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
  // One step with its edits is enough of training; scores take the longest to make.
  const id = await seedJob(database, { state: 'succeeded', numSteps: 1, ...rest });
  if (model !== undefined) {
    const row = await database.prisma.job.findUniqueOrThrow({ where: { id }, select: { manifest: true } });
    const manifest = { ...(row.manifest as object), model: { ...model, family: 'nano-1m', start: [] } };
    await database.prisma.job.update({ where: { id }, data: { manifest: asJson(manifest) } });
  }
  const runs = await database.prisma.run.findMany({ where: { jobId: id } });
  for (const run of runs) {
    const isTurned = run.arm === 'intervention';
    const draw = { shift: isTurned ? shift : 0, salt: salt + (run.arm as Arm).length };
    await database.prisma.evaluation.deleteMany({ where: { runId: run.id } });
    await database.prisma.run.update({ where: { id: run.id }, data: { step: TO, state: 'succeeded' } });
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

const DIRECTIONS = ['masculine-to-feminine', 'feminine-to-masculine'] as const;
const PROBABILITIES = [0.1, 0.5];

/** Two directions × two probabilities × two model seeds; the last point's jobs still run and wait. Ids of the sweep and of its jobs by point. */
export async function seedSweep(
  database: Database,
): Promise<{ readonly sweep: string; readonly jobs: readonly string[] }> {
  const models = [1, 2].map((seed) => ({
    ...{ name: seed === 1 ? 'nano-1m' : `nano-1m-seed${seed}`, seed },
    trainedOn: seed === 1 ? 'nano-stories' : `nano-stories-seed${seed}`,
  }));
  const spec = { base: {}, grid: { 'intervention.direction': DIRECTIONS, 'intervention.probability': PROBABILITIES } };
  const axes = Object.keys(spec.grid);
  const limits = { maxParallel: 2, budgetSteps: 4000 };
  const { id } = await database.prisma.sweep.create({ data: { name: 'dose', spec: asJson(spec), axes, ...limits } });
  const jobs: string[] = [];
  for (const [down, direction] of DIRECTIONS.entries()) {
    for (const [across, probability] of PROBABILITIES.entries()) {
      for (const model of models) {
        const job = {
          spec: {
            ...{ name: `dose, ${direction} ${probability} ${model.name}`, model: model.name, dataset: model.trainedOn },
            intervention: { direction, probability },
            arms: ['control' as const, 'intervention' as const],
          },
          sweepId: id,
          sweepPoint: {
            'intervention.direction': direction,
            'intervention.probability': probability,
            ...{ model: model.name, dataset: model.trainedOn },
          },
        };
        const isOpen = down === 1 && across === 1;
        const gone = Math.sqrt(probability) * (down === 0 ? 1 : -0.55) + 0.05 * model.seed;
        const salt = 100 * down + 10 * across + model.seed;
        jobs.push(
          isOpen
            ? await seedJob(database, { ...job, state: model.seed === 1 ? 'running' : 'queued', numSteps: 40 })
            : await seedCompared(database, { ...job, model, salt, shift: gone }),
        );
      }
    }
  }
  return { sweep: id, jobs };
}
