// Results for lm-evaluation-harness's readers, and the model card.
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { lmEvalResults } from '../../src/handover/lm-eval.ts';
import { modelCard } from '../../src/handover/model-card.ts';
import type { JobReport } from '../../src/handover/job-report.ts';
import { aReport } from './report.ts';

const SUBJECT = { arm: 'intervention', step: 104, manifestSha256: 'ab'.repeat(32) };

/** With rewriting up to the checkpoint at step 104, and after it. */
function rewrittenReport(): JobReport {
  const report = aReport(4);
  const intervention = {
    ...report.curves['intervention']!,
    ...{ numEdits: [9000, 800, 73, 999], numRowsChanged: [1500, 20, 2, 16], numRows: [1584, 8, 8, 16] },
  };
  return { ...report, curves: { ...report.curves, intervention } };
}

describe('lmEvalResults', () => {
  it("has the harness's keys for every task, and our identity of the score", () => {
    const results = lmEvalResults(aReport(4), 'intervention', 104)!;
    const task = 'winobias/likelihood';
    for (const key of ['results', 'group_subtasks', 'configs', 'versions', 'n-shot', 'higher_is_better', 'n-samples'])
      expect(Object.keys(results[key] as object), key).toEqual([task]);
    expect((results['results'] as Record<string, object>)[task]).toEqual({
      ...{ alias: task, 'proRate,none': 0.52, 'proRate_stderr,none': 0.01, 'proRate_interval,none': [0.49, 0.55] },
      ...{ 'lossNats,none': null, 'lossNats_stderr,none': 'N/A', 'lossNats_interval,none': null },
    });
    expect(results['n-samples']).toEqual({ [task]: { original: 792, effective: 792 } });
    expect(results['config']).toMatchObject({ tiresias: { job: '0191-a', arm: 'intervention', step: 104 } });
  });

  it('is none where nothing was scored', () => {
    expect(lmEvalResults(aReport(4), 'control', 103)).toBeUndefined();
  });
});

describe('modelCard', () => {
  it('states the intervention, what it changed, the scores with their uncertainty and warnings, and the proof', () => {
    const card = modelCard(rewrittenReport(), SUBJECT);
    const [, matter, body] = card.split('---\n', 3);
    expect(parse(matter!)).toMatchObject({
      base_model: 'pythia-70m',
      tags: ['tiresias', 'bias-intervention', 'intervention'],
    });
    expect(body).toContain('direction swap, policy morph-v1, probability 0.5, seed 3');
    expect(body).toContain('9,873 words in 1,522 of 1,600 rows (95.1 %)');
    expect(card).toContain('| winobias/likelihood/proRate | 0.52 | 0.49 to 0.55 | 792 |');
    expect(card).toContain('| winobias/likelihood/lossNats | not estimable | not estimable | 792 |');
    expect(card).toContain('| winobias/likelihood/proRate | -0.08 | -0.1 to -0.06 | 0.0004 | 792 |');
    expect(card).toContain('Every p is for these two trained models.');
    expect(card).toContain('**shifted, not debiased** (winobias): both halves moved');
    expect(card).toContain('ab'.repeat(32));
  });

  it('says of a control that nothing was rewritten, and tells no effect', () => {
    const card = modelCard(aReport(4), { ...SUBJECT, arm: 'control' });
    expect(card).toContain('the same rows as the intervention, unchanged');
    expect(card).not.toContain('intervention − control');
  });
});
