// What is spelt like a pronoun and is none: addresses, code, names, symbols, acronyms, compounds, other languages.
// The rules are data (rules/guards.json, rules/languages.json): patterns on what stands around the word.
import { isForeign } from './languages.ts';
import { compilePatterns, matches, Views, type CompiledPatterns, type Occurrence, type Patterns } from './patterns.ts';
import { isPlain, type DocumentSigns } from './plain.ts';
import { readRuleFile, type RuleCase } from './rule-files.ts';
import type { Casing, Form } from './surface.ts';

/** One entry of rules/guards.json. A word is left alone when all the patterns of one guard match. */
export interface GuardRule extends Patterns {
  readonly id: string;
  readonly note: string;
  /** Forms and cases it applies to; all when left out. */
  readonly forms?: readonly Form[];
  readonly casings?: readonly Casing[];
  readonly stays: readonly string[];
  readonly changes: readonly RuleCase[];
}

/** Why an occurrence is left alone: the id of a guard, or `fence`, or `language`; undefined when it is not. */
export function guardOf(text: string, signs: DocumentSigns, occurrence: Occurrence): string | undefined {
  const guard = isPlain(text, signs, occurrence) ? undefined : matchingGuard(text, occurrence);
  if (guard !== undefined) return guard;
  if (isInFence(signs, occurrence.start)) return 'fence';
  return isForeign(text, occurrence.start, occurrence.end) ? 'language' : undefined;
}

/** The id of the first guard of rules/guards.json whose patterns match. */
export function matchingGuard(text: string, { start, end, form, casing }: Occurrence): string | undefined {
  const around = new Views(text, start, end);
  return guardsOf(form, casing).find(({ patterns }) => matches(patterns, around))?.id;
}

interface CompiledGuard {
  readonly id: string;
  readonly patterns: CompiledPatterns;
}

const compiled = new Map<string, readonly CompiledGuard[]>();
let guardRules: readonly GuardRule[] | undefined;

/** The guards that apply to one form in one case. */
function guardsOf(form: Form, casing: Casing): readonly CompiledGuard[] {
  const key = `${form} ${casing}`;
  let guards = compiled.get(key);
  if (guards === undefined) {
    guardRules ??= readRuleFile<{ guards: GuardRule[] }>('guards.json').guards;
    guards = guardRules
      .filter((guard) => (guard.forms?.includes(form) ?? true) && (guard.casings?.includes(casing) ?? true))
      .map((guard) => ({ id: guard.id, patterns: compilePatterns(guard) }));
    compiled.set(key, guards);
  }
  return guards;
}

/** Whether a position lies in a fenced code block. */
function isInFence({ fences }: DocumentSigns, position: number): boolean {
  if (fences.length === 0 || fences[0]! > position) return false; // the length was just checked
  return fences.filter((start) => start < position).length % 2 === 1;
}
