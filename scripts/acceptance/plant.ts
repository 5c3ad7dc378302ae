// Trial: the suite learned the plant. Learned against planted log-odds on held-out frames, plotted to docs/plant.svg.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packagePath } from '../../src/package-root.ts';
import { leastSquares } from '../../src/eval/statistics.ts';
import { occupationLogOdds } from '../../src/suite/nano/learned.ts';
import { expectWithin } from './expect.ts';
import { scatterPlot } from './plot.ts';
import { scoreNanoFolder } from './nano-items.ts';

export async function plant(): Promise<void> {
  for (const step of [1130, 1330, 1430]) {
    const items = await scoreNanoFolder(packagePath('suite', 'nano', 'nano-1m-seed1', `step${step}`));
    const rows = occupationLogOdds(items);
    const line = leastSquares(
      rows.map((row) => row.planted),
      rows.map((row) => row.learned),
    );
    if (line === null || line.rSquared === null) throw new Error('bug: no line through the occupations');
    console.log(
      `   step ${step}: ${rows.length} occupations, ${items.length} items, intercept ${line.intercept.toFixed(3)}`,
    );
    expectWithin(`step ${step}: slope`, line.slope, 0.8, 1.2);
    expectWithin(`step ${step}: R²`, line.rSquared, 0.9, 1);
    if (step !== 1430) continue;
    const svg = scatterPlot({
      title: `nano-1m, step 1430: slope ${line.slope.toFixed(2)}, R² ${line.rSquared.toFixed(3)}`,
      xLabel: 'planted log-odds of he, nats',
      yLabel: 'learned log-odds on held-out frames, nats',
      points: rows.map(({ occupation, planted, learned }) => ({ label: occupation, x: planted, y: learned })),
      lines: [{ label: 'slope 1', slope: 1, intercept: 0 }],
    });
    writeFileSync(join(packagePath('docs'), 'plant.svg'), svg);
  }
}
