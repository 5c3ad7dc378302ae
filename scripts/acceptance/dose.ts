// Trial: at probability d each occupation's log-odds move to log[p(1−d)/(1−p(1−d))].
import { writeFileSync } from 'node:fs';
import { startService } from '../../src/cli/up.ts';
import { leastSquares } from '../../src/eval/statistics.ts';
import { packagePath } from '../../src/package-root.ts';
import { occupationLogOdds, shiftedLogOdds } from '../../src/suite/nano/learned.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { withLogOdds } from './nano-items.ts';
import { getItems, NANO_WINDOW, nanoSpec, submit, waitForEnd } from './nano-job.ts';
import { scatterPlot } from './plot.ts';

const PROBABILITY = 0.25;

export async function dose(): Promise<void> {
  const service = await startService({ host: '127.0.0.1', port: 0 }, 'error');
  try {
    const spec = nanoSpec({
      name: `acceptance: probability ${PROBABILITY}`,
      intervention: { direction: 'masculine-to-feminine', probability: PROBABILITY },
    });
    const id = await submit(service.url, spec);
    const job = await waitForEnd(service.url, id);
    expectTrue('job succeeded', job.state === 'succeeded');
    const arms = ['control', 'intervention'].map(async (arm) =>
      occupationLogOdds(withLogOdds(await getItems(service.url, id, arm, NANO_WINDOW.to))),
    );
    const [control, intervened] = (await Promise.all(arms)) as [Learned, Learned];
    const predicted = intervened.map((row) => shiftedLogOdds(row.planted, PROBABILITY));
    report(
      'level',
      predicted,
      intervened.map((row) => row.learned),
    );
    const expectedShift = intervened.map((row, i) => predicted[i]! - row.planted);
    const shift = intervened.map((row, i) => row.learned - control[i]!.learned);
    const meanOf = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    console.log(`   mean shift ${meanOf(shift).toFixed(3)} nats, predicted ${meanOf(expectedShift).toFixed(3)}`);
    report('shift (for information)', expectedShift, shift, false);
    writePlot(intervened, predicted);
  } finally {
    await service.stop();
  }
}

type Learned = ReturnType<typeof occupationLogOdds>;

function report(what: string, x: readonly number[], y: readonly number[], isMark = true): void {
  const line = leastSquares(x, y);
  if (line === null) throw new Error('bug: no line through the occupations');
  console.log(
    `   ${what}: slope ${line.slope.toFixed(3)}, intercept ${line.intercept.toFixed(3)}, R² ${line.rSquared?.toFixed(3)}`,
  );
  if (isMark) expectWithin(`${what}: slope`, line.slope, 0.8, 1.2);
}

function writePlot(rows: Learned, predicted: readonly number[]): void {
  const svg = scatterPlot({
    title: `masculine to feminine with probability ${PROBABILITY}, 100 steps`,
    xLabel: 'predicted log-odds of he, nats',
    yLabel: 'learned log-odds on held-out frames, nats',
    points: rows.map(({ occupation, learned }, i) => ({ label: occupation, x: predicted[i]!, y: learned })),
    lines: [{ label: 'slope 1', slope: 1, intercept: 0 }],
  });
  writeFileSync(packagePath('docs', 'dose.svg'), svg);
}
