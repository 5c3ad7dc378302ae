// What the stand-in API says of a job before it is submitted: a model's training, a rewritten batch of two rows, and an estimate.
import type { BatchPreview, Estimate, ModelTraining } from '../../src/web/planning.ts';

const NANO_END = 1430;
const POWERS = Array.from({ length: 10 }, (_, power) => 2 ** power);
const HERE = [1130, 1330, 1430];

/** 154 published checkpoints, three of them here. */
export function fakeTraining(name: string): ModelTraining {
  const scale = name.startsWith('nano') ? 1 : 100;
  const steps = [0, ...POWERS, ...Array.from({ length: 143 }, (_, i) => scale * 10 * (i + 1))];
  const rate = (step: number) => 1e-3 * (1 - (0.9 * step) / (scale * NANO_END));
  return {
    name,
    endStep: scale * NANO_END,
    checkpoints: [...new Set(steps)]
      .toSorted((a, b) => a - b)
      .map((step) => ({
        ...{ step, learningRate: rate(step), isPublished: true, isHere: HERE.includes(step / scale) },
        ...{ hasOptimizerState: step === 1330, fault: null },
        pullCommand: scale === 1 ? null : `tiresias models pull ${name} --checkpoint step${step}`,
      })),
    learningRates: { step: [0, scale * NANO_END], learningRate: [rate(0), rate(scale * NANO_END)] },
  };
}

const edit = (rule: string, before: string, after: string, contextBefore: string, contextAfter: string) => ({
  ...{ rule, before, after, contextBefore, contextAfter },
});

/** Two rows with three edits by two rules. */
export function fakePreview(step: number): BatchPreview {
  const [first, second] = ['He said that she saw his coat.', 'Then he left.'];
  return {
    ...{ step, firstSample: 16 * step, numRows: 16, rowLength: 129, numTokensCut: 0, numResegmented: 0 },
    ...{ sha256Before: 'a', sha256After: 'b', numRowsChanged: 2, numEdits: 3 },
    editsByRule: { 'he-subject': 2, 'his-determiner': 1 },
    rows: [
      {
        ...{ row: 3, sample: 16 * step + 3, before: first, after: 'She said that she saw her coat.', numTokensCut: 0 },
        edits: [
          edit('he-subject', 'He', 'She', '', ' said that she saw his coat.'),
          edit('his-determiner', 'his', 'her', 'He said that she saw ', ' coat.'),
        ],
      },
      {
        ...{ row: 7, sample: 16 * step + 7, before: second, after: 'Then she left.', numTokensCut: 0 },
        edits: [edit('he-subject', 'he', 'she', 'Then ', ' left.')],
      },
    ],
  };
}

type SharedParts = NonNullable<Estimate['sharing']>['parts'];

/** An estimate that fits but for the disk, which has `freeBytes`; with its control among `parts`, half of it is left. */
export function fakeEstimate(freeBytes: number, parts: SharedParts): Estimate {
  return {
    family: 'nano-1m',
    window: { from: 1330, to: NANO_END, numSteps: 100 },
    ...{ microBatchSize: 16, recompute: 'none', resume: 'exact-state', numParameters: 1_055_488, numTokens: 409_600 },
    backend: { name: 'wasm', basis: 'as the last job here' },
    memory: {
      ...{ liveBytesPerTrainer: 1e8, residentBytesPerTrainer: 5e8, numTrainersAtOnce: 2 },
      ...{ residentBytes: 1e9, machineBytes: 25e9 },
    },
    disk: { checkpointBytes: 12.7e6, numCheckpoints: 20, bytes: 253e6, freeBytes },
    time: { trainingSeconds: 98, basis: '2090 tokens/s an arm, median of 100 steps of job x; scoring comes on top' },
    sharing: {
      ...{ numTrainings: 2, parts, basis: 'on a worker and files like theirs' },
      left: { numTrainings: 1, numTokens: 204_800, trainingSeconds: 49, diskBytes: 127e6 },
    },
    evaluations: {
      numPerArm: 11,
      benchmarks: [
        {
          ...{ benchmark: 'nano-winobias', protocol: 'likelihood', settings: {}, metric: 'proRate', numItems: 640 },
          leastSignificant: 0.0094,
          detectable: [
            { shareDiffering: 0.05, difference: 0.025 },
            { shareDiffering: 0.2, difference: 0.0497 },
          ],
          observed: null,
        },
      ],
    },
  };
}
