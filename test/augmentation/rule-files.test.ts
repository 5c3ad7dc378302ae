// The tables of the rule files: every rule with its own cases, and what must stay as it is.
import { describe, expect, it } from 'vitest';
import type { GuardRule } from '../../augmentation/guards.ts';
import { rewrite, type PronounRule } from '../../augmentation/rewrite.ts';
import { readRuleFile, type RuleCase } from '../../augmentation/rule-files.ts';

const DIRECTIONS = { swap: 'swap', m2f: 'masculine-to-feminine', f2m: 'feminine-to-masculine' } as const;
type Key = keyof typeof DIRECTIONS;
const KEYS = Object.keys(DIRECTIONS) as Key[];

const rewritten = (text: string, key: Key) => rewrite(text, { policy: 'morph-v1', direction: DIRECTIONS[key] });

function expectAllDirections(one: RuleCase): void {
  for (const key of KEYS) expect.soft(rewritten(one.text, key).text, key).toBe(one[key] ?? one.text);
}

function expectUnchanged(text: string): void {
  for (const key of KEYS) expect.soft(rewritten(text, key), key).toEqual({ text, edits: [] });
}

describe('rules/pronouns.json', () => {
  const file = readRuleFile<{ rules: PronounRule[]; pairCases: RuleCase[]; stays: RuleCase[] }>('pronouns.json');

  it('names each rule once, and each rule reverses another', () => {
    const ids = file.rules.map((rule) => rule.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const rule of file.rules) {
      const back = file.rules.find((other) => other.form === rule.after && other.function === rule.function);
      expect(back?.after, rule.id).toBe(rule.form);
    }
  });

  describe.each(file.rules)('$id', (rule) => {
    it.each(rule.cases)('$text', (one) => {
      const key = one.m2f === undefined ? 'f2m' : 'm2f';
      expect(rewritten(one.text, 'swap').text).toBe(one.swap);
      expect(rewritten(one.text, 'swap').edits.map((edit) => edit.rule)).toContain(rule.id);
      expect(rewritten(one.text, key).edits.map((edit) => edit.rule)).toContain(rule.id);
    });
  });

  it.each(file.pairCases)('changes both halves of a pair or none: $text', expectAllDirections);
  it.each(file.stays)('finds no pronoun in: $text', ({ text }) => expectUnchanged(text));
});

describe('rules/guards.json', () => {
  const { guards } = readRuleFile<{ guards: GuardRule[] }>('guards.json');

  it('names each guard once and gives each examples of both kinds', () => {
    expect(new Set(guards.map((guard) => guard.id)).size).toBe(guards.length);
    for (const guard of guards) expect(guard.stays.length * guard.changes.length, guard.id).toBeGreaterThan(0);
  });

  describe.each(guards)('$id', (guard) => {
    it.each(guard.stays)('leaves alone: %s', expectUnchanged);
    it.each(guard.changes)('changes: $text', ({ text, swap }) => expect(rewritten(text, 'swap').text).toBe(swap));
  });
});

describe('rules/languages.json', () => {
  const { stays, changes } = readRuleFile<{ stays: string[]; changes: RuleCase[] }>('languages.json');
  it.each(stays)('leaves alone: %s', expectUnchanged);
  it.each(changes)('changes: $text', ({ text, swap }) => expect(rewritten(text, 'swap').text).toBe(swap));
});
