// What is spelt like a pronoun and is none: addresses, code, names, symbols, acronyms, compounds, other languages.
// The rules are data (rules/guards.json, rules/languages.json): patterns on what stands around the word.
import { isForeign } from './languages.ts';
import { compilePatterns, matches, Views, type CompiledPatterns, type Occurrence, type Patterns } from './patterns.ts';
import { isInFence, isPlain, type DocumentSigns } from './plain.ts';
import { readRuleFile, type RuleCase } from './rule-files.ts';
import type { Casing, Form } from './surface.ts';

/** One entry of rules/guards.json. A word is left alone when all the patterns of one guard match. */
export interface GuardRule extends Patterns {
  readonly id: string;
  readonly note: string;
  /** Forms and cases it applies to; all when left out. */
  readonly forms?: readonly Form[];
  readonly casings?: readonly Casing[];
  /** The name of a check of the whole text that must hold as well. */
  readonly check?: 'fence';
  readonly stays: readonly string[];
  readonly changes: readonly RuleCase[];
}

/** Why an occurrence is left alone: the id of a guard, or `language`; undefined when it is not. */
export function guardOf(text: string, signs: DocumentSigns, occurrence: Occurrence): string | undefined {
  const guard = isPlain(text, signs, occurrence) ? undefined : matchingGuard(text, signs, occurrence);
  if (guard !== undefined) return guard;
  return isForeign(text, occurrence.start, occurrence.end) ? 'language' : undefined;
}

/** The id of the first guard of rules/guards.json that holds. */
export function matchingGuard(
  text: string,
  signs: DocumentSigns,
  { start, end, form, casing }: Occurrence,
): string | undefined {
  const around = new Views(text, start, end);
  const holds = ({ check, patterns }: CompiledGuard) =>
    (check === undefined || CHECKS[check](signs, start)) && matches(patterns, around);
  return guardsOf(form, casing).find(holds)?.id;
}

/** What a guard may ask of the whole text, beyond what stands around the word. */
const CHECKS = { fence: isInFence } as const;

interface CompiledGuard {
  readonly id: string;
  readonly check: GuardRule['check'];
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
      .map((guard) => ({ id: guard.id, check: guard.check, patterns: compilePatterns(guard) }));
    compiled.set(key, guards);
  }
  return guards;
}
