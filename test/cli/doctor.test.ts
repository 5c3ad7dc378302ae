import * as tf from '@tensorflow/tfjs-core';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Check } from '../../src/cli/machine-checks.ts';
import { worstProductError } from '../../src/cli/machine-checks.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { tiresias } from './command.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-doctor-'));
afterAll(() => rmSync(scratch, { recursive: true }));

async function doctor(environment: Record<string, string>) {
  const { code, stdout } = await tiresias(['doctor', '--json'], { environment });
  const { isReady, checks } = JSON.parse(stdout) as { isReady: boolean; checks: Check[] };
  return { code, stdout, isReady, find: (name: string) => checks.find((check) => check.name === name), checks };
}

describe('tiresias doctor', () => {
  it('finds this machine ready, says of each optional thing what to do, and leaves nothing behind', async () => {
    const home = join(scratch, 'home');
    const { code, isReady, checks, find } = await doctor({ TIRESIAS_HOME: home });
    expect({ code, isReady }).toEqual({ code: 0, isReady: true });
    for (const name of ['Node', 'database', 'home folder', 'back end wasm', 'back end cpu']) {
      expect(find(name)).toMatchObject({ status: 'ok', advice: null });
    }
    expect(find('database')?.detail).toMatch(/embedded PostgreSQL \d+/);
    expect(find('benchmarks')).toMatchObject({ status: 'optional' });
    expect(find('benchmarks')?.detail).toContain('winobias, crows-pairs');
    const tensorflow = find('back end tensorflow');
    if (tensorflow?.status === 'optional') {
      expect(tensorflow.detail).toContain('jobs compute on the back end wasm instead');
      expect(tensorflow.advice).not.toBeNull();
    }
    expect(checks.every(({ status, advice }) => (status === 'ok') === (advice === null))).toBe(true);
    expect(readdirSync(home)).toEqual([]);
  });

  it('exits with 1 when the database does not answer or the home folder cannot be written, and shows no password', async () => {
    const file = join(scratch, 'a-file');
    writeFileSync(file, '');
    const { code, stdout, isReady, find } = await doctor({
      DATABASE_URL: 'postgresql://user:hidden-word@127.0.0.1:1/mine',
      TIRESIAS_HOME: join(file, 'home'),
    });
    expect({ code, isReady }).toEqual({ code: 1, isReady: false });
    expect(find('database')).toMatchObject({ status: 'missing' });
    expect(find('database')?.detail).toContain('127.0.0.1:1/mine');
    expect(find('home folder')?.advice).toContain('TIRESIAS_HOME');
    expect(stdout).not.toContain('hidden-word');
  });
});

interface CpuBackend {
  readonly data: { get(id: object): { readonly values: Float32Array } };
}

describe('the product of the check', () => {
  it('is right on the cpu, and tells a kernel that drops a term or answers NaN', async () => {
    await selectBackend('cpu');
    expect(worstProductError()).toBeLessThan(1e-6);
    const kernel = tf.getKernel('BatchMatMul', 'cpu');
    for (const spoil of [(value: number) => value + 0.001, () => NaN]) {
      tf.unregisterKernel('BatchMatMul', 'cpu');
      tf.registerKernel({
        ...kernel,
        kernelFunc: (args) => {
          const product = kernel.kernelFunc(args) as tf.TensorInfo;
          const { values } = (args.backend as CpuBackend).data.get(product.dataId);
          values[3] = spoil(values[3] ?? 0);
          return product;
        },
      });
      expect(worstProductError()).toBeGreaterThan(1e-5);
    }
  });
});
