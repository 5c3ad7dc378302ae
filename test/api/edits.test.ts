import request from 'supertest';
import { beforeAll, describe, expect, it } from 'vitest';
import { testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { FROM, seedJob } from '../support/seeded-jobs.ts';

interface Edits {
  readonly edits: readonly { readonly step: number; readonly position: number; readonly rule: string }[];
  readonly totals: { readonly numEdits: number; readonly byRule: Readonly<Record<string, number>> };
  readonly nextCursor: string | null;
}
interface Counts {
  readonly stepsPerPoint: number;
  readonly step: readonly number[];
  readonly byRule: Readonly<Record<string, readonly number[]>>;
}

const database = await testDatabase();
const app = testApp(database);
let id = '';
beforeAll(async () => {
  id = await seedJob(database, { state: 'running', numSteps: 55 });
});
const get = async (path: string) => request(app).get(`/v1/jobs/${id}/${path}`);
const drawn = async (query: string) => (await get(`edits?${query}`)).body as Edits;

describe('GET /v1/jobs/:id/edits with a seed', () => {
  it('draws the same samples for the same seed and others for another, from all steps', async () => {
    const all = await drawn('limit=500');
    const one = await drawn('seed=7&limit=20');
    expect(one.edits).toHaveLength(20);
    expect(one.nextCursor).toBeNull();
    expect((await drawn('seed=7&limit=20')).edits).toEqual(one.edits);
    expect((await drawn('seed=8&limit=20')).edits).not.toEqual(one.edits);
    for (const edit of one.edits) expect(all.edits).toContainEqual(edit);
    const steps = one.edits.map(({ step }) => step);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    expect(steps.at(-1)! - steps[0]!).toBeGreaterThan(20);
  });

  it('draws of one rule or one step alone', async () => {
    expect(new Set((await drawn('seed=1&rule=him>her')).edits.map(({ rule }) => rule))).toEqual(new Set(['him>her']));
    expect((await drawn(`seed=1&step=${FROM + 3}`)).edits.map(({ step }) => step)).toEqual(Array(3).fill(FROM + 3));
  });

  it('has no pages', async () => {
    const { status, body } = await get('edits?seed=1&cursor=1330.1');
    expect([status, (body as { detail: string }).detail]).toEqual([
      400,
      'faulty query: cursor: a drawn sample has no next page: take another seed, or leave it out',
    ]);
  });
});

describe('GET /v1/jobs/:id/edit-counts', () => {
  it('counts every rule over the steps, to the same sums as the whole', async () => {
    const { totals } = await drawn('limit=1');
    const { body } = await get('edit-counts?points=10');
    const { stepsPerPoint, step, byRule } = body as Counts;
    expect(stepsPerPoint).toBe(6); // 55 steps in 10 points
    expect(step).toEqual(Array.from({ length: 10 }, (_none, point) => FROM + 6 * point));
    const sums = Object.entries(byRule).map(([rule, counts]) => [rule, counts.reduce((sum, count) => sum + count, 0)]);
    expect(Object.fromEntries(sums)).toEqual(totals.byRule);
    const inSix = await Promise.all([0, 1, 2, 3, 4, 5].map((place) => drawn(`limit=1&step=${FROM + 6 + place}`)));
    const ofRule = inSix.reduce((sum, { totals: { byRule: counts } }) => sum + (counts['his>her'] ?? 0), 0);
    expect(byRule['his>her']![1]).toBe(ofRule);
  });

  it('is empty for an arm without edits, and for one that is not there', async () => {
    expect((await get('edit-counts?arm=control')).body).toMatchObject({ byRule: {} });
    expect((await get('edit-counts?arm=placebo')).body).toEqual({ stepsPerPoint: 1, step: [], byRule: {} });
  });
});
