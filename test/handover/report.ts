// A job's report as the API would answer it: two trained arms of so many steps, scored at the last one.
import type { JobReport } from '../../src/handover/job-report.ts';

export const CREATED_MS = Date.parse('2026-01-01T00:00:00.000Z');

export function aReport(numSteps: number, changes: Partial<JobReport['job']> = {}): JobReport {
  const step = Array.from({ length: numSteps }, (_, i) => 101 + i);
  const curves = {
    step,
    recordedAtMs: step.map((one) => CREATED_MS + 1000 * one),
    lossNats: step.map((one) => (one === 102 ? null : 3 - one / 1000)),
    numEdits: step.map(() => 7),
  };
  const place = { benchmark: 'winobias', protocol: 'likelihood', settings: {}, step: 104 };
  const score = { ...place, metric: 'proRate', standardError: 0.01, numItems: 792 };
  return {
    job: {
      ...{ id: '0191-a', name: 'a job', state: 'succeeded', plan: null },
      ...{ createdAt: new Date(CREATED_MS).toISOString(), finishedAt: '2026-01-01T01:00:00.000Z' },
      spec: {
        ...{
          model: 'pythia-70m',
          checkpoint: 'step100',
          dataset: 'pile',
          arms: ['published', 'control', 'intervention'],
        },
        intervention: { direction: 'swap', policy: 'morph-v1', probability: 0.5, seed: 3 },
      },
      ...changes,
    },
    curves: { control: curves, intervention: curves },
    scores: [
      { ...score, arm: 'published', value: 0.61, interval: [0.58, 0.64] },
      { ...score, arm: 'control', value: 0.6, interval: [0.57, 0.63] },
      { ...score, arm: 'intervention', value: 0.52, interval: [0.49, 0.55] },
      { ...score, arm: 'intervention', metric: 'lossNats', value: null, standardError: null, interval: null },
    ],
    effects: [
      {
        ...{ ...place, metric: 'proRate', value: -0.08, interval: [-0.1, -0.06], pValue: 0.0002, pAdjusted: 0.0004 },
        ...{ pScope: 'for these two trained models', numItems: 792 },
      },
    ],
    labels: [
      { arm: 'intervention', benchmark: 'winobias', label: 'shifted, not debiased', detail: 'both halves moved' },
    ],
  };
}
