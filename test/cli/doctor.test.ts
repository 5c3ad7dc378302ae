import * as tf from '@tensorflow/tfjs-core';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { describeReport, describeResult, runContract, type ContractReport } from '../../src/cli/contract-report.ts';
import { isTensorflowHere } from '../../src/tensor/installed.ts';
import type { Check } from '../../src/cli/machine-checks.ts';
import { worstProductError } from '../../src/cli/machine-checks.ts';
import { CONTRACT } from '../../src/contract/contract.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { probeNative } from '../../src/tensor/native.ts';
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
    expect(find('benchmarks')?.detail).toContain('winobias, winobias-dev, winobias-conll, crows-pairs, lambada-openai');
    const tensorflow = find('back end tensorflow');
    if (tensorflow?.status === 'optional') {
      expect(tensorflow.detail).toContain('jobs compute on the processor instead');
      expect(tensorflow.advice).not.toBeNull();
    }
    const native = probeNative();
    expect(find('back end native')).toMatchObject({ status: native.works ? 'ok' : 'optional' });
    expect(find('back end native')?.detail).toContain(native.reason);
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

describe('tiresias doctor --contract', () => {
  it('runs every check on the back end, and says how far each is off', async () => {
    const { code, stdout } = await tiresias(['doctor', '--contract', 'cpu', '--json']);
    const report = JSON.parse(stdout) as ContractReport;
    expect(code).toBe(0);
    expect(report).toMatchObject({ backend: 'cpu', isPassed: true, reason: null });
    expect(report.checks.map(({ name }) => name)).toEqual(CONTRACT.map(({ name }) => name));
    for (const { status, deviation, tolerance, reason } of report.checks) {
      if (status === 'skipped') expect(reason).toMatch(/busy for 10 s|multiplies in fp32/);
      else expect(deviation).toBeLessThanOrEqual(tolerance);
    }
  });

  it.skipIf(isTensorflowHere())('says what to install where the package is not, and exits with 1', async () => {
    const { code, stdout } = await tiresias(['doctor', '--gpu', '--json']);
    expect(code).toBe(1);
    const report = JSON.parse(stdout) as ContractReport;
    expect(report).toMatchObject({ backend: 'tensorflow', isPassed: false, checks: [] });
    expect(describeReport(report)).toMatch(
      /^@tensorflow\/tfjs-node-gpu is not installed here: run `npm install --no-save @tensorflow\/tfjs-node-gpu@4\.22\.0`/,
    );
  });

  it('prints a wrong kernel as a failure with its deviation, and not as a pass', async () => {
    await selectBackend('cpu');
    const kernel = tf.getKernel('Sigmoid', 'cpu');
    tf.unregisterKernel('Sigmoid', 'cpu');
    tf.registerKernel({ ...kernel, kernelFunc: (args) => tf.getKernel('Tanh', 'cpu').kernelFunc(args) });
    try {
      const report = await runContract('cpu', false);
      expect(report.isPassed).toBe(false);
      const failed = report.checks.filter(({ status }) => status === 'failed');
      expect(failed.map(({ name }) => name)).toContain('gelu, tanh form: value');
      expect(failed.map(({ name }) => name)).not.toContain('gelu, erf form: value');
      expect(describeResult(failed.find(({ name }) => name === 'gelu, tanh form: value')!)).toMatch(
        /^failed +\d\.\de[-+]\d of 1\.0e-5 +gelu, tanh form: value\n$/,
      );
      const numSkipped = CONTRACT.filter(({ skipped }) => skipped?.cpu !== undefined).length;
      expect(describeReport(report)).toMatch(
        new RegExp(`\\d+ passed, \\d+ failed, ${numSkipped} skipped\\. This back end computes wrongly`),
      );
    } finally {
      tf.unregisterKernel('Sigmoid', 'cpu');
      tf.registerKernel(kernel);
    }
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
