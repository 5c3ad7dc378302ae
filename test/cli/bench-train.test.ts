// What measured steps print, on the back end that is there: figures that belong together.
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { kernelSeconds, kernelShares } from '../../src/cli/bench-model.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { probeNative } from '../../src/tensor/native.ts';
import { tiresias } from './command.ts';

const STEPS = ['--model-shape', 'nano-1m', '--micro-batch', '2', '--seq-length', '16', '--steps', '3', '--json'];

it('measures steps, and says which share of the kernels’ time each took where the back end tells', async () => {
  const { code, stdout, stderr } = await tiresias(['bench', 'train', ...STEPS]);
  expect(code, stderr).toBe(0);
  const figures = JSON.parse(stdout) as Record<string, number | string>;
  expect(figures.tokensPerSecond as number).toBeCloseTo((2 * 16) / (figures.secondsPerStep as number), 3);
  expect(figures.fastestStepSeconds as number).toBeLessThanOrEqual(figures.secondsPerStep as number);
  const shares = Object.entries(figures).flatMap(([name, value]) => (name.startsWith('kernelShare.') ? [value] : []));
  expect(shares.length > 0).toBe(['native', 'cuda'].includes(figures.backend as string));
  if (shares.length === 0) return;
  expect((shares as number[]).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
  expect(shares).toEqual([...shares].sort((a, b) => Number(b) - Number(a)));
});

const { works, reason } = probeNative('native');

it.skipIf(!works)(
  works ? 'counts no kernel that ran before' : `counts no kernel that ran before (skipped: ${reason})`,
  async () => {
    await selectBackend('native');
    await tf.tidy(() => tf.exp(tf.ones([1000]))).data();
    const before = kernelSeconds();
    expect([...before.keys()]).toContain('unary');
    await tf.tidy(() => tf.softmax(tf.ones([10, 1000]))).data();
    const shares = kernelShares(before);
    expect(shares['kernelShare.softmax']).toBeGreaterThan(0);
    expect(Object.keys(shares)).not.toContain('kernelShare.unary');
  },
);
