// A sweep on the real API over seeded rows: points that a stop rule has ended say so wherever their figures stand.
import { describe, expect, it, vi } from 'vitest';
import { lookAtSweeps } from '../../jobs/sweep.ts';
import { asJson } from '../../src/store/events.ts';
import type { Sweep } from '../../src/web/sweeps-api.ts';
import { useRealPage } from '../support/real-page.ts';
import { seedSweep } from '../support/seeded-comparison.ts';
import { seedJob } from '../support/seeded-jobs.ts';
import { hasChromium, plain } from '../web/browser.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });
const PATIENCE = { timeout: 90_000 }; // the results are computed from the items of all jobs

const real = useRealPage();

/** So wide that every point with two scored seeds meets it. */
const RULE = {
  ...{ benchmark: 'nano-winobias', protocol: 'likelihood', metric: 'logOdds' },
  ...{ minReplicates: 2, intervalNarrowerThan: 1_000 },
};

describe.skipIf(!hasChromium)('a sweep with a stop rule, in Chromium', () => {
  it('says in grid, facts and results which points it stopped early, and what repeated looks do to them', async () => {
    const { database } = real.service;
    const { sweep: id } = await seedSweep(database);
    const replicated = { stop: asJson([RULE]), spec: asJson({ replicates: [] }) }; // seeds make no points
    await database.prisma.sweep.update({ where: { id }, data: replicated });
    const point = { 'intervention.direction': 'masculine-to-feminine', 'intervention.probability': 0.5 };
    const seed3 = { ...point, model: 'nano-1m-seed3', dataset: 'nano-stories-seed3' };
    await seedJob(database, { state: 'queued', spec: { name: 'a third seed' }, sweepId: id, sweepPoint: seed3 });
    await lookAtSweeps(database);
    const { sweep } = await real.service.get<{ sweep: Sweep }>(`/sweeps/${id}`);
    expect(sweep.settled.map(({ numCancelled }) => numCancelled).sort()).toEqual([0, 0, 1]);

    const { page, complaints } = await real.open(`#/sweeps/${id}`);
    const facts = page.locator('details', { hasText: '3 points met a stop rule' });
    await facts.waitFor();
    const early = 'stopped early by rule interval narrower than 1000.000 nats';
    const cell = (row: number, column: number) =>
      page.locator('table.heat tbody tr').nth(row).locator('td').nth(column);
    await cell(0, 1).getByText('mean of 2').waitFor(PATIENCE);
    const shown = async (row: number, column: number) => plain(await cell(row, column).innerText());
    expect(await shown(0, 1)).toContain(early);
    expect(await shown(0, 0)).toContain('met a stop rule');
    expect(await shown(0, 0)).not.toContain('early'); // nothing was left to stop
    expect(await shown(1, 1)).not.toContain('rule'); // its jobs run and wait
    const looks = 'repeated looks An interval that is looked at after each job covers less than 95 %';
    expect(plain(await facts.innerText())).toContain(
      'probability 0.5 stopped early by rule the interval of the effect',
    );
    expect(plain(await facts.innerText())).toContain(looks);
    expect(plain(await page.locator('section[aria-labelledby=grid]').innerText())).toContain(looks);

    const results = page.locator('section[aria-labelledby=results]');
    await results.locator('table').scrollIntoViewIfNeeded(); // rows out of view are not drawn
    const row = results.locator('tbody tr', { hasText: 'masculine-to-feminine 0.5 nano-1m' }).first();
    expect(plain(await row.innerText())).toContain(early);
    const other = results.locator('tbody tr', { hasText: 'masculine-to-feminine 0.1 nano-1m' }).first();
    expect(plain(await other.innerText())).not.toContain('early');
    expect(plain(await results.innerText())).toContain('3 points met a rule, 1 job was not begun');
    expect(plain(await results.innerText())).toContain('looking again and again makes intervals cover less than 95 %');
    expect(complaints).toEqual([]);
    await page.close();
  });
});
