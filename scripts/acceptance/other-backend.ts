// Trial: on a back end that did not build the suite, an exact-state control stays within the published checkpoint's error: the 90 %
// interval of control − published lies within ±0.02 nats an item and ±1 point. The cpu back end is slow: 30–60 tokens/s, one to two
// hours for the whole window; the short form takes ten steps of a suite that `suite build` made in TIRESIAS_HOME. On native and cuda, in fp32 and in
// bf16, the intervention's effect must besides be within the interval of the reference's, and that within its own: wasm's for native, native's for cuda.
import { startService } from '../../src/cli/up.ts';
import { itemValues, type Item } from '../../src/eval/metrics.ts';
import { scoreOf } from '../../src/eval/statistics.ts';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { probeNative } from '../../src/tensor/native.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { getItems, getScores, NANO_WINDOW, nanoSpec, submit, waitForEnd } from './nano-job.ts';

/** Slow: what the trial does not ask for is left out. */
const ON_CPU: Partial<JobSpecInput> = { backend: 'cpu', arms: ['published', 'control'] };

const NORMAL_95 = 1.6448536269514722;

type Window = { readonly from: number; readonly to: number };

export const otherBackend = () => withService((url) => controlOn(url, ON_CPU, NANO_WINDOW));

export const otherBackendShort = () => withService((url) => controlOn(url, ON_CPU, { from: 1400, to: 1410 }));

export const nativeBackend = () => withService((url) => agree(url, 'native', 'wasm'));

/** Needs a graphics card. */
export const cudaBackend = () =>
  withService(async (url) => {
    const native = probeNative();
    if (!native.works) console.log(`   the effect is held against none: ${native.reason}`);
    await agree(url, 'cuda', native.works ? 'native' : null);
  });

async function agree(url: string, backend: 'native' | 'cuda', other: 'wasm' | 'native' | null): Promise<void> {
  const reference = other && (await effectOf(url, await finishedJob(url, specOf({ backend: other }, NANO_WINDOW))));
  for (const precision of ['fp32', 'bf16'] as const) {
    const effect = await effectOf(url, await controlOn(url, { backend, training: { precision } }, NANO_WINDOW));
    if (reference === null) continue;
    const within = ({ value }: Effect, [low, high]: Interval) => low <= value && value <= high;
    expectTrue(`${precision}: ${other}'s effect within its interval`, within(reference, effect.interval));
    expectTrue(`${precision}: its effect within ${other}'s interval`, within(effect, reference.interval));
  }
}

async function withService(trial: (url: string) => Promise<unknown>): Promise<void> {
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error');
  try {
    await trial(service.url);
  } finally {
    await service.stop();
  }
}

function specOf(changes: Partial<JobSpecInput>, { from, to }: Window): JobSpecInput {
  return nanoSpec({
    name: `acceptance: ${changes.backend} ${changes.training?.precision ?? ''}`,
    checkpoint: `step${from}`,
    window: { to },
    evaluation: { every: to - from, atStart: false },
    ...changes,
  });
}

async function finishedJob(url: string, spec: JobSpecInput): Promise<string> {
  const id = await submit(url, spec);
  const startedMs = performance.now();
  const job = await waitForEnd(url, id);
  const seconds = (performance.now() - startedMs) / 1000;
  expectTrue(
    `${spec.name}: succeeded in ${seconds.toFixed(0)} s (${job.message ?? 'no message'})`,
    job.state === 'succeeded',
  );
  return id;
}

/** Runs the job, holds its control against the published checkpoint, and returns its id. */
async function controlOn(url: string, changes: Partial<JobSpecInput>, window: Window): Promise<string> {
  const id = await finishedJob(url, specOf(changes, window));
  const [control, published] = await Promise.all(
    ['control', 'published'].map((arm) => getItems(url, id, arm, window.to)),
  );
  compare('log-likelihood of a sentence, nats', likelihoods(control!), likelihoods(published!), 0.02);
  compare('pro-stereotype rate', rates(control!), rates(published!), 0.01);
  return id;
}

type Interval = readonly [number, number];
type Effect = { readonly value: number; readonly interval: Interval };

/** Of the intervention on the log-odds, against the control. */
async function effectOf(url: string, id: string): Promise<Effect> {
  const { effects } = await getScores(url, id);
  const row = effects.find((effect) => effect.metric === 'logOdds' && effect.benchmark === 'nano-winobias');
  const { value, interval } = row ?? {};
  if (value === undefined || !interval) throw new Error('bug: no effect with an interval');
  console.log(
    `   effect on the log-odds ${value.toFixed(4)} [${interval[0].toFixed(4)}, ${interval[1].toFixed(4)}] nats`,
  );
  return { value, interval: interval as Interval };
}

function likelihoods(items: readonly Item[]): number[] {
  return items.flatMap((item) => item.logLikelihood);
}

function rates(items: readonly Item[]): number[] {
  return items.map((item) => itemValues(item)['proRate']!); // every WinoBias item has it
}

function compare(what: string, a: readonly number[], b: readonly number[], most: number): void {
  const score = scoreOf(
    a.map((value, i) => value - b[i]!),
    'mean',
  );
  if (score === null) throw new Error('bug: no items');
  const half = NORMAL_95 * (score.standardError ?? 0);
  console.log(`   ${what}: control − published ${score.value.toExponential(3)}, n = ${score.numItems}`);
  expectWithin(`${what}: 90 % interval, low`, score.value - half, -most, most);
  expectWithin(`${what}: 90 % interval, high`, score.value + half, -most, most);
}
