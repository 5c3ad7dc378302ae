// The rows of errands on a real PostgreSQL: one of a kind at a time, leases, fences, and how many are kept.
import { describe, expect, it } from 'vitest';
import {
  beatErrand,
  claimErrand,
  getErrand,
  insertErrand,
  listErrands,
  requestErrandCancel,
  settleErrand,
  type NewErrand,
} from '../../src/store/errands.ts';
import { testDatabase } from '../support/database.ts';

const pull = (step: number, name = 'pythia-14m'): NewErrand => ({ kind: 'pull-model', name, step, options: {} });

describe('errands', () => {
  it('are begun once for all who ask, and two pulls of one model one after the other', async () => {
    const database = await testDatabase();
    const insert = (errand: NewErrand) => database.transaction((transaction) => insertErrand(transaction, errand));
    const ids = await Promise.all([1, 2, 3, 4].map(() => insert(pull(1000))));
    expect(new Set(ids).size).toBe(1);
    const second = await insert(pull(2000));
    const other = await insert(pull(1000, 'pythia-31m'));
    const claimed = [];
    for (let i = 0; i < 3; i++) claimed.push((await claimErrand(database, 'a', 60_000))?.id);
    expect(claimed).toEqual([ids[0], other, undefined]);
    await settleErrand(database, { id: ids[0]!, owner: 'a' }, { state: 'succeeded', result: {} });
    expect((await claimErrand(database, 'b', 60_000))?.id).toBe(second);
    expect(await insert(pull(1000))).not.toBe(ids[0]);
  });

  it('take no word of a server whose lease has run out, and are cancelled at once while they wait', async () => {
    const database = await testDatabase();
    const insert = (errand: NewErrand) => database.transaction((transaction) => insertErrand(transaction, errand));
    const id = await insert(pull(1000));
    const fence = { id, owner: 'a' };
    await claimErrand(database, 'a', 60_000);
    expect(await beatErrand(database, { ...fence, owner: 'b' }, 60_000, undefined)).toBeUndefined();
    await requestErrandCancel(database, id);
    expect(await beatErrand(database, fence, 0, undefined)).toBe('cancelling');
    const waiting = await insert(pull(2000)); // which settles what is lost
    expect(await getErrand(database, id)).toMatchObject({ state: 'cancelled', owner: null });
    expect(await settleErrand(database, fence, { state: 'succeeded' })).toBe(false);
    expect(await requestErrandCancel(database, waiting)).toMatchObject({ state: 'cancelled' });
    await expect(requestErrandCancel(database, waiting)).rejects.toThrow('is over (cancelled) and cannot be cancelled');
  });

  it('are forgotten when they are over and 200 newer ones are', async () => {
    const database = await testDatabase();
    await database.prisma.errand.createMany({
      data: Array.from({ length: 205 }, (_, i) => ({
        ...pull(i),
        options: {},
        state: 'succeeded',
        createdAt: new Date(1e12 + i),
      })),
    });
    await database.transaction((transaction) => insertErrand(transaction, pull(9_999)));
    expect(await database.prisma.errand.count()).toBe(201);
    const steps = (await listErrands(database, { limit: 1_000 })).map(({ step }) => step);
    expect([steps[0], steps.at(-1)]).toEqual([9_999, 5]);
  });
});
