// Trial: the memory planner's word against measurement, on shapes, micro-batches, lengths and both ways of keeping activations: live bytes of the
// wasm back end, and of the native one in both precisions, within 15 %, resident memory above the idle process within 25 %. Each measured by
// `tiresias bench train` in a process of its own.
import { spawnSync } from 'node:child_process';
import { packagePath } from '../../src/package-root.ts';
import { expectWithin } from './expect.ts';

/** Model shape, micro-batch, micro-batches of a step, tokens of a sample, what is computed again. */
const COMBINATIONS = [
  ['nano-1m', 16, 1, 128, 'none'],
  ['nano-1m', 4, 4, 128, 'none'],
  ['nano-1m', 4, 1, 512, 'layers'],
  ['nano-4m', 8, 1, 256, 'none'],
  ['pythia-14m', 4, 1, 128, 'none'],
  ['pythia-14m', 8, 1, 256, 'layers'],
  ['pythia-14m', 1, 1, 2048, 'none'],
  ['pythia-14m', 1, 2, 1024, 'none'],
  ['pythia-31m', 2, 1, 512, 'none'],
  ['pythia-70m', 1, 1, 512, 'none'],
  ['pythia-70m', 4, 1, 512, 'none'],
] as const;

interface Memory {
  readonly peakLiveBytes: number;
  readonly rssAboveIdleBytes: number;
}

const WAYS = [
  ['wasm', 'fp32'],
  ['native', 'fp32'],
  ['native', 'bf16'],
] as const;

export function memoryPlan(): Promise<void> {
  const missed: string[] = [];
  for (const way of WAYS) {
    for (const combination of COMBINATIONS) missed.push(...missesOf(way, combination));
  }
  return missed.length === 0 ? Promise.resolve() : Promise.reject(new Error(missed.join('; ')));
}

function missesOf(way: (typeof WAYS)[number], combination: (typeof COMBINATIONS)[number]): string[] {
  const missed: string[] = [];
  const [predicted, measured] = [bench(way, combination, ['--plan']), bench(way, combination, ['--steps', '1'])];
  for (const [name, most] of [
    ['peakLiveBytes', 0.15],
    ['rssAboveIdleBytes', 0.25],
  ] as const) {
    const what = `${way.join(' ')}, ${combination.join(' ')}: ${name}, predicted ${mb(predicted[name])} / measured ${mb(measured[name])} MB`;
    try {
      expectWithin(what, predicted[name] / measured[name], 1 - most, 1 + most);
    } catch (error) {
      missed.push(String(error)); // the others are told too
    }
  }
  return missed;
}

function bench(
  [backend, precision]: (typeof WAYS)[number],
  [shape, size, count, length, recompute]: (typeof COMBINATIONS)[number],
  rest: string[],
): Memory {
  const options = ['--model-shape', shape, '--micro-batch', `${size}`, '--micro-batches', `${count}`];
  options.push('--seq-length', `${length}`, '--recompute', recompute);
  options.push('--backend', backend, '--precision', precision, '--json', ...rest);
  const command = ['--import', 'tsx', packagePath('src', 'cli', 'main.ts'), 'bench', 'train', ...options];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`bench train ${options.join(' ')} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Memory;
}

const mb = (numBytes: number) => (numBytes / 1e6).toFixed(0);
