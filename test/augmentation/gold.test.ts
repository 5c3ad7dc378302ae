// The rewriter against labelled English (treebanks, Brown, MASC, WinoBias, a set of traps): floors, not targets.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rewrite } from '../../augmentation/rewrite.ts';
import type { Direction } from '../../src/job-spec.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

interface GoldRecord {
  readonly text: string;
  readonly swap: string;
  readonly m2f?: string;
  readonly f2m?: string;
  readonly occ: readonly {
    readonly start: number;
    readonly form: string;
    readonly function: string;
    readonly alt?: string;
    readonly pair?: boolean;
  }[];
}

function readGold(name: string): GoldRecord[] {
  const lines = readFileSync(sharedPath('gold', 'cda-dev', `${name}.dev.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as GoldRecord);
}

const rewritten = (text: string, direction: Direction) => rewrite(text, { policy: 'morph-v1', direction });
const share = (outcomes: readonly boolean[]) => outcomes.filter(Boolean).length / outcomes.length;

describe.skipIf(!hasShared)('on labelled sentences', () => {
  it('turns at least 99.5 % of natural sentences (every third) from masculine to feminine exactly', () => {
    const records = ['ud-bysa', 'ud-ncsa', 'brown', 'masc'].flatMap(readGold).filter((_, index) => index % 3 === 0);
    expect(records.length).toBeGreaterThan(5_000);
    expect(share(records.map((one) => rewritten(one.text, 'masculine-to-feminine').text === one.m2f))).toBeGreaterThan(
      0.995,
    );
  });

  it('reads her as him or his better than any rule on the next term alone (94.5 %)', () => {
    const outcomes: boolean[] = [];
    for (const record of ['ud-bysa', 'masc'].flatMap(readGold)) {
      const { edits } = rewritten(record.text, 'swap');
      for (const { start, form, function: reading, alt, pair } of record.occ) {
        if (form.toLowerCase() !== 'her' || !/^(?:obj|poss_det)$/.test(reading) || pair) continue;
        const after = edits.find((edit) => edit.start === start)?.after.toLowerCase();
        const accepted = [reading, alt].map((one) => (one === 'obj' ? 'him' : one === 'poss_det' ? 'his' : undefined));
        outcomes.push(after !== undefined && accepted.some((one) => one === after));
      }
    }
    expect(outcomes.length).toBeGreaterThan(600);
    expect(share(outcomes)).toBeGreaterThan(0.955);
  });

  it('keeps every convention that the traps show, her before hard objects apart', () => {
    for (const record of readGold('adversarial').filter((one) => !('cat' in one && one.cat === 'her-object-hard'))) {
      expect.soft(rewritten(record.text, 'swap').text).toBe(record.swap);
      expect.soft(rewritten(record.text, 'masculine-to-feminine').text).toBe(record.m2f);
      expect.soft(rewritten(record.text, 'feminine-to-masculine').text).toBe(record.f2m);
    }
  });

  it('swaps at least 98.5 % of the sentences of WinoBias exactly', () => {
    expect(share(readGold('winobias').map((one) => rewritten(one.text, 'swap').text === one.swap))).toBeGreaterThan(
      0.985,
    );
  });
});
