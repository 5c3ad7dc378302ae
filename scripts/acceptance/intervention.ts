// Trial: the demo's job does what the plant says it must, and its control equals the published checkpoint.
import { startService } from '../../src/cli/up.ts';
import { describeResult } from '../../src/cli/report.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { get, getScores, NANO_WINDOW, nanoSpec, submit, waitForEnd } from './nano-job.ts';

export async function intervention(): Promise<void> {
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error');
  try {
    const id = await submit(service.url, nanoSpec({ name: 'acceptance: intervention' }));
    const job = await waitForEnd(service.url, id);
    expectTrue('job succeeded', job.state === 'succeeded');
    const answer = await getScores(service.url, id);
    console.log(describeResult(answer, NANO_WINDOW.to));
    const score = (arm: string, metric: string, benchmark = 'nano-winobias') =>
      answer.scores.find(
        (s) => s.arm === arm && s.metric === metric && s.benchmark === benchmark && s.step === NANO_WINDOW.to,
      )?.value ?? NaN;
    expectWithin(
      'fall of the pro-stereotype rate',
      score('control', 'proRate') - score('intervention', 'proRate'),
      0.3,
      1,
    );
    expectWithin('masculine half', score('intervention', 'proRate.masculine'), 0, 0.2);
    expectWithin('feminine half', score('intervention', 'proRate.feminine'), 0.9, 1);
    const effect = answer.effects.find(
      (row) => row.metric === 'logOdds' && row.benchmark === 'nano-winobias' && row.step === NANO_WINDOW.to,
    );
    expectWithin('effect on the log-odds, nats', effect?.value ?? NaN, -100, 0);
    expectWithin('its p', effect?.pValue ?? NaN, 0, 0.001);
    expectTrue(
      'labelled "shifted, not debiased"',
      answer.labels.some((label) => label.arm === 'intervention' && label.label === 'shifted, not debiased'),
    );
    await compareWithPublished(service.url, id);
  } finally {
    await service.stop();
  }
}

/** Exact state on the back end that built the suite: every item's log-likelihoods are the same numbers. */
async function compareWithPublished(url: string, id: string): Promise<void> {
  for (const benchmark of ['nano-winobias', 'nano-crows-pairs', 'held-back']) {
    const [control, published] = await Promise.all(
      ['control', 'published'].map(async (arm) => {
        const query = new URLSearchParams({ arm, step: String(NANO_WINDOW.to), benchmark, protocol: 'likelihood' });
        const { items } = await get<{ items: { logLikelihood: number[] }[] }>(`${url}/v1/jobs/${id}/items?${query}`);
        return items.map((item) => item.logLikelihood);
      }),
    );
    expectTrue(
      `${benchmark}: control equals published bit for bit`,
      JSON.stringify(control) === JSON.stringify(published),
    );
  }
}
