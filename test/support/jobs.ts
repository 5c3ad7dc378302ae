// Small specs and records for tests of the store, the queue and the API.
import { jobSpecSchema } from '../../src/job-spec.ts';
import type { JobSpec, JobSpecInput } from '../../src/job-spec.ts';
import type { StepRecord } from '../../src/store/records.ts';

/** A valid spec; every default filled in. */
export function someSpec(changes: Partial<JobSpecInput> = {}): JobSpec {
  return jobSpecSchema.parse({ model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-corpus', ...changes });
}

/** The record of the update that read the batch of `step`: two edits in one of its 16 rows. */
export function someStep(step: number, changes: Partial<StepRecord> = {}): StepRecord {
  const [before, after] = ['a', 'b'].map((letter) => letter.repeat(60) + String(step).padStart(4, '0'));
  return {
    step,
    lossNats: 3 - step / 1000,
    learningRate: 1e-4,
    gradientNorm: 0.5,
    skipped: null,
    tokensPerSecond: 1000,
    replayMs: 1.5,
    rewriteMs: 12,
    rssBytes: 300_000_000,
    tensorBytes: 40_000_000,
    numRows: 16,
    numRowsChanged: 1,
    numEdits: 2,
    editsByRule: { 'he>she': 1, 'his>her': 1 },
    numTokensCut: 0,
    numResegmented: 0,
    sha256Before: before ?? '',
    sha256After: after ?? '',
    samples: [
      {
        row: 3,
        sample: step * 16 + 3,
        rule: 'he>she',
        before: 'he',
        after: 'she',
        contextBefore: 'then he sang',
        contextAfter: 'then she sang',
      },
    ],
    ...changes,
  };
}

/** A step in a worker's life to be awaited: polls `check` until it answers true, at most `timeoutMs`. */
export async function until(check: () => boolean | Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`the awaited state did not come within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
