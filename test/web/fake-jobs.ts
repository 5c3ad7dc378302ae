// Jobs, scores and edits as a nano suite would give them, for the page's tests: one job in each state that the page treats differently.
import { jobSpecSchema, type Arm, type JobSpecInput, type JobState } from '../../src/job-spec.ts';
import type { EditRow, EffectRow, Job, ScoreRow, Scores } from '../../src/web/api.ts';
import type { ThinnedMetrics } from '../../src/web/records.ts';

export const FROM = 1330;
export const TO = 1430;
const ARMS: readonly Arm[] = ['published', 'control', 'intervention'];

/** A job that was submitted `minutesAgo`, with every default filled in as the API does. */
export function makeJob(place: number, state: JobState, input: Partial<JobSpecInput>, more: Partial<Job> = {}): Job {
  const start = input.window?.finalFraction === undefined ? { checkpoint: 'step1330' } : {};
  const spec = jobSpecSchema.parse({ model: 'nano-1m', ...start, dataset: 'nano-stories', ...input });
  const createdAt = new Date(Date.now() - place * 17 * 60_000 - 40_000).toISOString();
  const hasStarted = state !== 'queued';
  const isOver = ['succeeded', 'failed', 'cancelled'].includes(state);
  return {
    id: `0192f000-0000-7000-8000-${String(1000 - place).padStart(12, '0')}`,
    name: spec.name ?? `${spec.model} ${spec.checkpoint}`,
    state,
    reason: null,
    message: null,
    attempt: hasStarted ? 1 : 0,
    priority: 0,
    spec,
    plan: hasStarted ? { microBatchSize: 16, backend: 'wasm', resume: 'exact-state', every: 10 } : null,
    progress: null,
    sweepId: null,
    sweepPoint: null,
    createdAt,
    startedAt: hasStarted ? createdAt : null,
    finishedAt: isOver ? new Date(Date.parse(createdAt) + 312_000).toISOString() : null,
    heartbeatAgeMs: hasStarted && !isOver ? 1_200 : null,
    arms: hasStarted ? ARMS.map((arm) => ({ arm, state: 'succeeded', fromStep: FROM, toStep: TO, step: TO })) : [],
    ...more,
  };
}

/** A running job whose control and intervention have done `done` steps. */
export function makeRunningJob(place: number, done: number): Job {
  const step = FROM + done;
  const arm = { step, from: FROM, to: TO, lossNats: 1.912, tokensPerSecond: 4_180, phase: 'training' as const };
  return makeJob(
    place,
    'running',
    { name: 'half of the documents', intervention: { probability: 0.5 } },
    {
      progress: { arms: { control: arm, intervention: { ...arm, step: step - 4 } }, secondsLeft: 147 },
      arms: ARMS.map((name) => ({
        arm: name,
        state: 'running',
        fromStep: FROM,
        toStep: TO,
        step: name === 'published' ? TO : step,
      })),
    },
  );
}

/** Loss of a step: falls slowly, and jumps about as the loss of small batches does; the same for the same step. */
export function lossAt(arm: Arm, step: number): number {
  const noise = 0.12 * Math.sin(12.9898 * step) * Math.cos(78.233 * step);
  return 1.95 - 0.0006 * (step - FROM) + noise + (arm === 'intervention' ? 0.35 * Math.exp((FROM - step) / 12) : 0);
}

export function editsAt(arm: Arm, step: number): number {
  return arm === 'intervention' ? 140 + Math.round(18 * Math.sin(7.13 * step)) : 0;
}

/** The stored curves of both trained arms for `numSteps` steps. */
export function makeMetrics(numSteps: number): ThinnedMetrics {
  const step = Array.from({ length: numSteps }, (_none, place) => FROM + place);
  const columns = (arm: Arm) => ({
    step,
    lossNats: step.map((at) => lossAt(arm, at)),
    numEdits: step.map((at) => editsAt(arm, at)),
  });
  return { arms: { control: columns('control'), intervention: columns('intervention') } };
}

function score(
  arm: Arm,
  step: number,
  benchmark: string,
  metric: string,
  value: number,
  halfWidth: number,
  numItems: number,
): ScoreRow {
  const isRate = /Rate|pct/.test(metric);
  const clip = (end: number) => (isRate ? Math.min(1, Math.max(0, end)) : end);
  return {
    ...{ arm, step, benchmark, protocol: 'likelihood', metric, value, numItems },
    standardError: halfWidth / 1.96,
    interval: [clip(value - halfWidth), clip(value + halfWidth)],
  };
}

function armScores(arm: Arm, step: number): ScoreRow[] {
  // Towards "always she" within 25 steps of rewriting.
  const shift = arm === 'intervention' ? 1 - Math.exp((FROM - step) / 8) : 0;
  const masculine = 0.983 * (1 - shift);
  const feminine = 0.967 + 0.033 * shift;
  const winobias = (metric: string, value: number, width: number, n: number) =>
    score(arm, step, 'nano-winobias', metric, value, width, n);
  const pairs = (metric: string, value: number, width: number, n: number) =>
    score(arm, step, 'nano-crows-pairs', metric, value, width, n);
  return [
    winobias('proRate', (masculine + feminine) / 2, 0.03, 240),
    winobias('likelihoodDiff', 2.31 + 1.2 * shift, 0.21, 240),
    winobias('logOdds', 0.14 - 3.4 * shift, 0.27, 240),
    winobias('proRate.masculine', masculine, 0.04, 120),
    winobias('proRate.feminine', feminine, 0.04, 120),
    winobias('proRate.type1', (masculine + feminine) / 2, 0.05, 120),
    winobias('proRate.type2', (masculine + feminine) / 2, 0.05, 120),
    pairs('pctStereotype', 0.912 - 0.39 * shift, 0.055, 150),
    pairs('likelihoodDiff', 1.87 + 0.4 * shift, 0.19, 150),
    pairs('pctStereotype.gender', 0.912 - 0.39 * shift, 0.055, 150),
  ];
}

/** Scores of all arms, with the effects between them, up to `lastStep`. */
export function makeScores(lastStep: number): Scores {
  const steps = Array.from({ length: Math.floor((lastStep - FROM) / 10) + 1 }, (_none, place) => FROM + 10 * place);
  const scores = [
    ...(['control', 'intervention'] as const).flatMap((arm) => steps.flatMap((step) => armScores(arm, step))),
    ...armScores('published', TO),
  ];
  const effects = steps.flatMap((step) =>
    differences(armScores('intervention', step), armScores('control', step), 0.035),
  );
  const isShifted = lastStep === TO;
  const detail =
    'proRate is 0.50 overall, but 0.00 for masculine-stereotyped items (n = 120) and 1.00 for feminine-stereotyped items (n = 120)';
  return {
    scores,
    effects,
    noiseFloor: [],
    fidelity: lastStep === TO ? differences(armScores('control', TO), armScores('published', TO), 0) : [],
    labels: isShifted
      ? [
          {
            arm: 'intervention',
            benchmark: 'nano-winobias',
            protocol: 'likelihood',
            label: 'shifted, not debiased',
            detail,
          },
        ]
      : [],
    published: [],
  };
}

function differences(a: readonly ScoreRow[], b: readonly ScoreRow[], halfWidth: number): EffectRow[] {
  return a.map((row, place) => {
    const value = row.value - (b[place]?.value ?? NaN);
    const reach = /Rate|pct/.test(row.metric) ? 1 : Infinity;
    return {
      ...{ benchmark: row.benchmark, protocol: row.protocol, metric: row.metric, step: row.step, value },
      standardError: halfWidth / 1.96,
      interval: [Math.max(-reach, value - halfWidth), Math.min(reach, value + halfWidth)],
      pValue: Math.abs(value) > halfWidth ? 1.3e-9 : 1,
      pScope: 'for these two trained models',
      pAdjusted: Math.abs(value) > halfWidth ? 5.2e-9 : 1,
      family: '4 tests: whole scores of all benchmarks',
      test: /Rate|pct/.test(row.metric) ? 'exact McNemar' : 'sign flips by cluster',
      detectable: halfWidth * 1.43,
      numItems: row.numItems,
      numClusters: 40,
      note: null,
    };
  });
}

const SAMPLES: readonly [rule: string, before: string, after: string, left: string, right: string][] = [
  ['subject', 'he', 'she', ' evening, and the plumber said ', ' would mend his own roof before'],
  ['possessive', 'his', 'her', ' the plumber said he would mend ', ' own roof before the winter.'],
  ['object', 'him', 'her', 'The judge thanked ', ' for the long letter.'],
  ['contraction', "He's", "She's", '“', ' late again”, said the guard'],
  ['reflexive', 'himself', 'herself', 'the carpenter taught ', ' to read'],
];

/** `count` samples, cycling through a few sentences. */
export function makeEdits(count: number): EditRow[] {
  return Array.from({ length: count }, (_none, place) => {
    const [rule, before, after, contextBefore, contextAfter] = SAMPLES[place % SAMPLES.length]!; // in range
    const step = FROM + Math.floor(place / 3);
    return {
      step,
      position: place % 3,
      rule,
      row: place % 16,
      sample: step * 16 + (place % 16),
      before,
      after,
      contextBefore,
      contextAfter,
    };
  });
}
