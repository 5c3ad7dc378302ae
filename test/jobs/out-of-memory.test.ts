// Deaths and errors that mean "no memory", told from those that do not.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeDeath, isOutOfMemory, isProbablyMemory } from '../../jobs/out-of-memory.ts';
import { prepare } from '../../jobs/preparation.ts';
import { failureOf } from '../../jobs/trainer-failure.ts';
import { DataError, OutOfMemoryError } from '../../src/errors.ts';
import { someSpec } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

const home = mkdtempSync(join(tmpdir(), 'tiresias-memory-'));
symlinkSync(sharedSuiteFolder(), join(home, 'suite'));
afterAll(() => rmSync(home, { recursive: true }));

it.each([
  [null, 'SIGKILL', false, true],
  [137, null, false, true], // as a shell between tells it
  [null, 'SIGABRT', false, true], // V8, whose heap is full
  [null, 'SIGKILL', true, false],
  [null, 'SIGSEGV', false, false],
  [1, null, false, false],
  [0, null, false, false],
] as const)('blames memory for code %s, signal %s, ours: %s → %s', (code, signal, isOurs, expected) => {
  const words = describeDeath(code, signal, isOurs);
  expect(isProbablyMemory(words)).toBe(expected);
  expect(words).toContain(signal ?? `exit code ${code}`);
});

it('knows a process whose JavaScript heap really was full', async () => {
  const program = 'const kept = []; for (;;) kept.push(new Array(1e5).fill({}));';
  const options = {
    execArgv: ['--max-old-space-size=20', '--eval', program],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  };
  const full = fork('-', [], options as object);
  const [code, signal] = (await once(full, 'exit')) as [number | null, NodeJS.Signals | null];
  expect(isProbablyMemory(describeDeath(code, signal, false))).toBe(true);
});

it('knows errors of other layers that mean no memory, and only those', () => {
  let allocation: unknown;
  try {
    new Float32Array(2 ** 33);
  } catch (error) {
    allocation = error;
  }
  expect(isOutOfMemory(allocation)).toBe(true);
  expect(isOutOfMemory(new OutOfMemoryError('no room'))).toBe(true);
  expect(isOutOfMemory(new WebAssembly.RuntimeError('Aborted(OOM)'))).toBe(true);
  expect(isOutOfMemory(new Error('OOM when allocating tensor with shape[2,2]'))).toBe(true);
  expect(isOutOfMemory(new DataError('row 3: out of memory lane'))).toBe(false);
  expect(isOutOfMemory(new RangeError('Invalid count value: -1'))).toBe(false);
  expect(isOutOfMemory('text')).toBe(false);
});

it('ends a trainer as out-of-memory with what to submit instead', async () => {
  const { plan, model } = await prepare(someSpec({ dataset: 'nano-stories', backend: 'wasm' }), null, home);
  const task = { plan: { ...plan, microBatchSize: 3 }, configPath: model.configPath, backend: 'wasm' } as const;
  const refused = failureOf(new OutOfMemoryError('a tensor of shape [9, 9] finds no hole'), task);
  expect(refused.reason).toBe('out-of-memory');
  expect(refused.message).toMatch(
    /no hole; microBatchSize 1 \(1 × 128 tokens\) would need \d+ MB of the 3\.2 GB that the wasm/,
  );
  const one = failureOf(new RangeError('Array buffer allocation failed'), {
    ...task,
    plan: { ...plan, microBatchSize: 1 },
  });
  expect(one).toMatchObject({ reason: 'out-of-memory', message: expect.stringContaining('with recompute "layers"') });
  expect(failureOf(new RangeError('a bug'), task)).toMatchObject({
    reason: 'program',
    message: expect.stringContaining('at '),
  });
});
