// Rewrites the gendered pronouns of one text (counterfactual data substitution) and says what it changed.
// On the road: dataset → replay → *rewrite* → train. Output equals input outside the edits; offsets are UTF-16 units.
// he↔she, him↔her (object), his↔her (determiner), his↔hers (independent), himself↔herself.
import { InputError } from '../src/errors.ts';
import type { Direction, Policy, WordPairs } from '../src/job-spec.ts';
import { readHer, readHis } from './disambiguate.ts';
import { applyEdits, type Edit } from './edit.ts';
import { genderedWordEdits } from './gendered-words.ts';
import { type Candidate, findCandidates } from './match.ts';
import { type Neighbourhood, type PronounFunction, readNeighbourhoods } from './pairs.ts';
import { agreementsOf, neutralForm, type Agreement } from './neutral.ts';
import { placeboEdits } from './placebo.ts';
import { findPolicy } from './policies.ts';
import { readRuleFile, type RuleCase } from './rule-files.ts';
import { type Form, type Gender, inCasing } from './surface.ts';

export interface RewriteOptions {
  readonly policy: Policy;
  readonly direction: Direction;
  /** A draw in [0, 1) for the document; `balanced` needs it and asks once, with the key `balanced`. */
  readonly chance?: (key: string) => number;
  /**
   * Of the edits that the document would have, those whose draw is below the probability are made; all when left out. Verbs that
   * agree with a pronoun go with it.
   */
  readonly occurrences?: { readonly probability: number; readonly draw: (index: number) => number };
  /** morph-v1 only: gendered nouns and first names change as well. */
  readonly wordPairs?: readonly WordPairs[];
}

export interface Rewritten {
  readonly text: string;
  /** Sorted, not overlapping. */
  readonly edits: readonly Edit[];
}

/** One line of augmentation/rules/pronouns.json. */
export interface PronounRule {
  readonly id: string;
  readonly form: Form;
  readonly function: PronounFunction;
  readonly after: string;
  readonly cases: readonly RuleCase[];
}

/**
 * The text with its pronouns rewritten. `balanced` is `swap` where the document's draw is below one half, else the text as
 * it is. Throws InputError for a direction that the policy does not know, for `balanced` without a draw, and for a policy that
 * acts on tokens.
 */
export function rewrite(text: string, options: RewriteOptions): Rewritten {
  findPolicy(options.policy, options.direction);
  const genders = gendersOf(options);
  if (genders.size === 0) return { text, edits: [] };
  const edits = editsOf(text, options, genders);
  return edits.length === 0 ? { text, edits } : { text: applyEdits(text, edits), edits };
}

function editsOf(text: string, options: RewriteOptions, genders: ReadonlySet<Gender>): Edit[] {
  const { policy, wordPairs, occurrences } = options;
  const isMade = (index: number) => occurrences === undefined || occurrences.draw(index) < occurrences.probability;
  switch (policy) {
    case 'morph-v1': {
      const edits = pronounEdits(text, genders);
      if (wordPairs === undefined || wordPairs.length === 0) return edits.filter((_, index) => isMade(index));
      const all = [...edits, ...genderedWordEdits(text, wordPairs, genders)].sort((a, b) => a.start - b.start);
      return all.filter((_, index) => isMade(index));
    }
    case 'placebo-v1':
      return placeboEdits(text, pronounEdits(text, genders), genders).filter((_, index) => isMade(index));
    case 'neutral-v1':
      return neutralEdits(text, isMade);
    default:
      throw new InputError(`${policy} acts on rows of tokens, not on text: use it in a job or a preview of one`);
  }
}

/** The edits of morph-v1. */
function pronounEdits(text: string, genders: ReadonlySet<Gender>): Edit[] {
  const candidates = findCandidates(text, genders);
  if (candidates.length === 0) return [];
  const neighbourhoods = readNeighbourhoods(text, candidates);
  const edits: Edit[] = [];
  candidates.forEach((candidate, index) => {
    if (!genders.has(candidate.gender)) return;
    const neighbourhood = neighbourhoods.get(index);
    if (neighbourhood?.isPaired === true && genders.size === 1) return;
    edits.push(editOf(text, candidate, neighbourhood));
  });
  return edits;
}

/** The edits of neutral-v1: pronouns, a pair as one ("his or her" → "their"), and the verbs that agree with them. */
function neutralEdits(text: string, isMade: (index: number) => boolean): Edit[] {
  const candidates = findCandidates(text, new Set<Gender>(['masculine', 'feminine']));
  const neighbourhoods = readNeighbourhoods(text, candidates);
  const edits: Edit[] = [];
  let numOccurrences = 0;
  for (let index = 0; index < candidates.length; index++) {
    const first = candidates[index]!; // inside the list
    const neighbourhood = neighbourhoods.get(index);
    const last = neighbourhood?.isPaired === true ? candidates[++index] : first; // a pair's halves follow each other
    if (last === undefined) throw new Error('bug: half a pair');
    if (!isMade(numOccurrences++)) continue;
    const pronounFunction = neighbourhood?.pronounFunction ?? functionOf(text, first);
    const [start, end] = [first.start, last.end];
    const after = inCasing(neutralForm(pronounFunction), first.casing);
    const pronoun = { start, end, before: text.slice(start, end), after, rule: `${first.form}-neutral` };
    const verbs = pronounFunction === 'subject' ? agreementsOf(text, { ...last, start }) : [];
    edits.push(pronoun, ...verbs.map((one) => agreementEdit(text, one)));
  }
  // Two subjects may claim one verb: it is changed once.
  let end = 0;
  return edits.sort((a, b) => a.start - b.start).filter((edit) => edit.start >= end && (end = edit.end) > 0);
}

function agreementEdit(text: string, { start, end, after }: Agreement): Edit {
  return { start, end, before: text.slice(start, end), after, rule: 'verb-agreement' };
}

/** The genders whose pronouns are replaced. */
function gendersOf({ direction, chance }: RewriteOptions): ReadonlySet<Gender> {
  switch (direction) {
    case 'masculine-to-feminine':
      return new Set<Gender>(['masculine']);
    case 'feminine-to-masculine':
      return new Set<Gender>(['feminine']);
    case 'swap':
      return new Set<Gender>(['masculine', 'feminine']);
    case 'balanced':
      if (chance === undefined) throw new InputError('the direction balanced needs a draw for each document');
      return new Set<Gender>(chance('balanced') < 0.5 ? ['masculine', 'feminine'] : []);
    case 'neutral':
      return new Set<Gender>(['masculine', 'feminine']);
  }
}

function editOf(text: string, candidate: Candidate, neighbourhood: Neighbourhood | undefined): Edit {
  const { start, end, form, casing } = candidate;
  const rule = ruleOf(form, neighbourhood?.pronounFunction ?? functionOf(text, candidate));
  return { start, end, before: text.slice(start, end), after: inCasing(rule.after, casing), rule: rule.id };
}

/** What the pronoun does in its clause: told by the form, except for `her` and `his`. */
function functionOf(text: string, { start, end, form }: Candidate): PronounFunction {
  switch (form) {
    case 'he':
    case 'she':
      return 'subject';
    case 'him':
      return isReflexivePart(text, end) ? 'reflexive' : 'object';
    case 'her':
      return isReflexivePart(text, end) ? 'reflexive' : readHer(text, start, end).reading;
    case 'his':
      return readHis(text, start, end);
    case 'hers':
      return 'independent';
    case 'himself':
    case 'herself':
      return 'reflexive';
  }
}

/** "him-self", also broken at the end of a line. */
function isReflexivePart(text: string, end: number): boolean {
  return /^(?:-|\u00ad)\s*self(?![a-z])/i.test(text.slice(end, end + 20));
}

let rules: Partial<Record<Form, Partial<Record<PronounFunction, PronounRule>>>> | undefined;

function ruleOf(form: Form, pronounFunction: PronounFunction): PronounRule {
  rules ??= readRules();
  const rule = rules[form]?.[pronounFunction];
  if (rule === undefined) throw new Error(`bug: pronouns.json has no rule for ${form} as ${pronounFunction}`);
  return rule;
}

function readRules(): NonNullable<typeof rules> {
  const table: NonNullable<typeof rules> = {};
  for (const rule of readRuleFile<{ rules: PronounRule[] }>('pronouns.json').rules)
    (table[rule.form] ??= {})[rule.function] = rule;
  return table;
}
