// Rewrites the gendered pronouns of one text (counterfactual data substitution) and says what it changed.
// On the road: dataset → replay → *rewrite* → train. Output equals input outside the edits; offsets are UTF-16 units.
// he↔she, him↔her (object), his↔her (determiner), his↔hers (independent), himself↔herself.
import { InputError } from '../src/errors.ts';
import type { Direction, Policy } from '../src/job-spec.ts';
import { readHer, readHis } from './disambiguate.ts';
import { type Candidate, findCandidates } from './match.ts';
import { type Neighbourhood, type PronounFunction, readNeighbourhoods } from './pairs.ts';
import { findPolicy } from './policies.ts';
import { readRuleFile, type RuleCase } from './rule-files.ts';
import { type Form, type Gender, inCasing } from './surface.ts';

/** One replaced span of the input. */
export interface Edit {
  /** UTF-16 offsets of the span in the input. */
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly after: string;
  /** The rule's id in augmentation/rules/pronouns.json, for example his-determiner. */
  readonly rule: string;
}

export interface RewriteOptions {
  readonly policy: Policy;
  readonly direction: Direction;
  /** A draw in [0, 1) for the document; `balanced` needs it and asks once, with the key `balanced`. */
  readonly chance?: (key: string) => number;
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
 * it is. Throws InputError for a direction that the policy does not know, or for `balanced` without a draw.
 */
export function rewrite(text: string, options: RewriteOptions): Rewritten {
  findPolicy(options.policy, options.direction);
  const genders = gendersOf(options);
  if (genders.size === 0) return { text, edits: [] };
  const candidates = findCandidates(text, genders);
  const neighbourhoods = readNeighbourhoods(text, candidates);
  const edits: Edit[] = [];
  candidates.forEach((candidate, index) => {
    if (!genders.has(candidate.gender)) return;
    const neighbourhood = neighbourhoods.get(index);
    if (neighbourhood?.isPaired === true && genders.size === 1) return;
    edits.push(editOf(text, candidate, neighbourhood));
  });
  return { text: applyEdits(text, edits), edits };
}

/** Writes the edits (sorted, not overlapping, offsets of `text`) into the text. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let rewritten = '';
  let done = 0;
  for (const edit of edits) {
    rewritten += text.slice(done, edit.start) + edit.after;
    done = edit.end;
  }
  return rewritten + text.slice(done);
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
      throw new Error('bug: neutral has passed the check of the policy');
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
