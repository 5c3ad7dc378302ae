import { expect, it } from 'vitest';
import { makeStatementNames } from '../../src/store/statement-names.ts';

it('names a text that comes often, always alike, and no other', () => {
  const nameOf = makeStatementNames();
  const names = Array.from({ length: 8 }, () => nameOf('SELECT 1'));
  expect(names.slice(0, 4)).toEqual([undefined, undefined, undefined, undefined]);
  expect(new Set(names.slice(4)).size).toBe(1);
  expect(names.at(-1)).toMatch(/^[0-9a-f]{32}$/);
  expect(nameOf('SELECT 2')).toBeUndefined();
});

it('gives no more names than a connection should keep, however many texts come', () => {
  const nameOf = makeStatementNames();
  const texts = Array.from({ length: 400 }, (_, i) => `SELECT ${i}`);
  for (let time = 0; time < 10; time++) texts.forEach(nameOf);
  expect(texts.filter((text) => nameOf(text) !== undefined)).toHaveLength(300);
});
