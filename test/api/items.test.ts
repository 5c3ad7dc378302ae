// Two arms side by side, item by item, against the items themselves and the committed files of the benchmark.
import { mkdtempSync, rmSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { openCatalog } from '../../src/catalog.ts';
import { packagePath } from '../../src/package-root.ts';
import { somePage, testApp } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { seedJob, TO } from '../support/seeded-jobs.ts';

interface Compared {
  readonly step: number;
  readonly steps: readonly number[];
  readonly unit: string;
  readonly textsMissing: string | null;
  readonly occupations: Readonly<Record<string, number>>;
  readonly numItems: number;
  readonly numMatching: number;
  readonly items: readonly {
    readonly index: number;
    readonly occupation: string | null;
    readonly texts: readonly string[] | null;
    readonly margins: { readonly baseline: number | null; readonly arm: number | null };
    readonly change: number | null;
  }[];
}
interface StoredItem {
  readonly index: number;
  readonly logLikelihood: readonly [number, number];
}

const home = mkdtempSync(join(tmpdir(), 'tiresias-items-'));
afterAll(() => rmSync(home, { recursive: true }));
const database = await testDatabase();
const app = createApp({ database, catalog: openCatalog(home), webFolder: somePage() });
let id = '';
beforeAll(async () => {
  id = await seedJob(database, { state: 'succeeded' });
}, 60_000);

async function get<T>(path: string): Promise<T> {
  const { status, body } = await request(app).get(`/v1/jobs/${id}/${path}`);
  expect([status, (body as { detail?: string }).detail]).toEqual([200, undefined]);
  return body as T;
}
const compared = (query: string) => get<Compared>(`compared-items?benchmark=nano-winobias&${query}`);

async function margins(arm: string): Promise<number[]> {
  const where = `arm=${arm}&step=${TO}&benchmark=nano-winobias&protocol=likelihood`;
  const { items } = await get<{ items: readonly StoredItem[] }>(`items?${where}`);
  return items.map(({ logLikelihood: [first, second] }) => first - second);
}

/** A line of a file of WinoBias without its number and its brackets. */
function lineOf(file: string, line: number): string {
  const text = readFileSync(packagePath('suite', 'nano', 'benchmarks', 'nano-winobias', file), 'utf8');
  return text.split('\n')[line]!.replace(/^\d+ /, '').replaceAll(/[[\]]/g, '');
}

describe('GET /v1/jobs/:id/compared-items', () => {
  it('answers the largest changes first, as the stored items make them', async () => {
    const [control, intervention] = [await margins('control'), await margins('intervention')];
    const changes = intervention.map((margin, index) => ({ index, change: margin - control[index]! }));
    const expected = changes.toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change));
    const { items, step, numItems, numMatching, unit } = await compared('limit=500');
    expect([step, numItems, numMatching, unit]).toEqual([TO, control.length, control.length, 'nats']);
    expect(items.map(({ index, change }) => ({ index, change }))).toEqual(expected.slice(0, 500));
    expect(items[0]!.margins).toEqual({
      baseline: control[items[0]!.index],
      arm: intervention[items[0]!.index],
    });
    const risen = changes.toSorted((a, b) => b.change - a.change);
    expect((await compared('sort=rise&limit=3')).items.map(({ index }) => index)).toEqual(
      risen.slice(0, 3).map(({ index }) => index),
    );
    expect((await compared('sort=fall&limit=3')).items[0]!.index).toBe(risen.at(-1)!.index);
  });

  it('answers page after page in the order of the files, with their sentences', async () => {
    const { items } = await compared('sort=index&offset=2&limit=2');
    expect(items.map(({ index, texts }) => ({ index, texts }))).toEqual(
      [2, 3].map((index) => ({
        index,
        texts: ['pro', 'anti'].map((side) => lineOf(`${side}_stereotyped_type1.txt.test`, index)),
      })),
    );
  });

  it('searches texts, filters occupations, and finds what turned', async () => {
    const found = await compared('text=THE%20PLUMBER&limit=500');
    expect(found.numMatching).toBeGreaterThan(0);
    expect(found.numMatching).toBeLessThan(found.numItems);
    for (const { texts } of found.items) expect(texts!.join(' ').toLowerCase()).toContain('the plumber');
    const plumbers = await compared('occupation=plumber&limit=500');
    expect(plumbers.items.map(({ occupation }) => occupation)).toEqual(
      Array(plumbers.occupations['plumber']).fill('plumber'),
    );
    const turned = await compared('turned=yes&limit=500');
    for (const { margins: both } of turned.items) expect(both.arm! > 0).toBe(both.baseline! <= 0);
    expect(turned.numMatching + (await compared('turned=no')).numMatching).toBe(turned.numItems);
  });

  it('knows no change where one arm was not scored, and says which evaluation is not there', async () => {
    const early = await compared('baseline=published&step=1330&limit=1');
    expect(early.items[0]).toMatchObject({ change: null, margins: { baseline: null } });
    const { status, body } = await request(app).get(`/v1/jobs/${id}/compared-items?benchmark=nano-winobias&step=7`);
    expect([status, (body as { detail: string }).detail]).toEqual([
      404,
      `job ${id} has no evaluation of nano-winobias (likelihood) for intervention or control at step 7`,
    ]);
  });

  it('says why there are no texts where the files are not here', async () => {
    const { body } = await request(testApp(database)).get(
      `/v1/jobs/${id}/compared-items?benchmark=nano-winobias&limit=1`,
    );
    expect(body).toMatchObject({ textsMissing: 'the small catalog has no texts of items', items: [{ texts: null }] });
  });
});

describe('GET /v1/jobs/:id/item-history', () => {
  it('answers one item over all arms and steps', async () => {
    const history = await get<{
      texts: string[];
      margins: { arm: string; step: number; margin: number }[];
      occupation: string;
    }>('item-history?benchmark=nano-winobias&index=5');
    expect(history.texts[0]).toBe(lineOf('pro_stereotyped_type1.txt.test', 5));
    expect(history.margins.map(({ arm, step }) => `${arm} ${step}`)).toEqual(
      [1330, 1350, 1370, 1390, 1410, 1430].flatMap((step) => [
        ...(step === TO ? [`published ${step}`] : []),
        ...[`control ${step}`, `intervention ${step}`],
      ]),
    );
    const last = history.margins.find(({ arm, step }) => arm === 'intervention' && step === TO);
    expect(last?.margin).toBe((await margins('intervention'))[5]);
  });

  it('says so when there is no such item', async () => {
    const { status } = await request(app).get(`/v1/jobs/${id}/item-history?benchmark=nano-winobias&index=99999`);
    expect(status).toBe(404);
  });
});
