// Trial: on a back end that did not build the suite, an exact-state control stays within the published checkpoint's error: the 90 %
// interval of control − published lies within ±0.02 nats an item and ±1 point. The cpu back end is slow: 30–60 tokens/s, one to two
// hours for the whole window; the short form takes ten steps of a suite that `suite build` made in TIRESIAS_HOME.
import { startService } from '../../src/cli/up.ts';
import { itemValues, type Item } from '../../src/eval/metrics.ts';
import { scoreOf } from '../../src/eval/statistics.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { getItems, NANO_WINDOW, nanoSpec, submit, waitForEnd } from './nano-job.ts';

const NORMAL_95 = 1.6448536269514722;

export async function otherBackend(): Promise<void> {
  await controlOnCpu(NANO_WINDOW);
}

export async function otherBackendShort(): Promise<void> {
  await controlOnCpu({ from: 1400, to: 1410 });
}

async function controlOnCpu({ from, to }: { readonly from: number; readonly to: number }): Promise<void> {
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error');
  try {
    const spec = nanoSpec({
      name: 'acceptance: control on cpu',
      backend: 'cpu',
      checkpoint: `step${from}`,
      window: { to },
      arms: ['published', 'control'],
      evaluation: { every: to - from, atStart: false },
    });
    const id = await submit(service.url, spec);
    const job = await waitForEnd(service.url, id);
    expectTrue('job succeeded', job.state === 'succeeded');
    const [control, published] = await Promise.all(
      ['control', 'published'].map((arm) => getItems(service.url, id, arm, to)),
    );
    compare('log-likelihood of a sentence, nats', likelihoods(control!), likelihoods(published!), 0.02);
    compare('pro-stereotype rate', rates(control!), rates(published!), 0.01);
  } finally {
    await service.stop();
  }
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
