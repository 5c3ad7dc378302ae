// The page on failures names tests that exist: each file with each title, and every row has at least one.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../src/package-root.ts';

const page = readFileSync(packagePath('docs', 'when-things-fail.md'), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (failure|-+) /.test(line));

describe('the page on failures', () => {
  it('names a test in every row', () => {
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter((row) => !/`[\w/-]+\.test\.ts` “[^”]+”/.test(row))).toEqual([]);
  });

  const named = [...page.matchAll(/`([\w/-]+\.test\.ts)` “([^”]+)”/g)].map(
    ([, file, title]) => [file!, title!] as const,
  );
  it.each([...new Map(named.map((one) => [one.join(), one])).values()])('%s has “%s”', (file, title) => {
    const path = packagePath('test', file);
    expect(existsSync(path)).toBe(true);
    const source = readFileSync(path, 'utf8').replaceAll("\\'", "'");
    expect(source).toMatch(new RegExp(`['"\`]${title.replaceAll(/[.*+?^$()|[\]\\{}]/g, '\\$&')}`));
  });
});
