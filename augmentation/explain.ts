// Why a text comes out as it does: for everything that is spelt like a pronoun, what became of it and what decided.
import { readHer } from './disambiguate.ts';
import { reasonToLeave, spellings } from './match.ts';
import { readSigns } from './plain.ts';
import type { Rewritten } from './rewrite.ts';
import type { Form } from './surface.ts';

/** What became of one word. */
export interface Decision {
  /** UTF-16 offsets in the input. */
  readonly start: number;
  readonly end: number;
  readonly form: Form;
  /** The rule that changed it; null for a word that stayed. */
  readonly rule: string | null;
  /** The guard that held it back; null where none did: the policy, its direction or a pair left it as it is. */
  readonly guard: string | null;
  /** For `her`: log-odds of object (him) against determiner (his); near 0 is undecided. Null where a rule decided. */
  readonly margin: number | null;
}

/** The decisions behind a rewritten text, from left to right. */
export function explain(text: string, { edits }: Rewritten): Decision[] {
  const signs = readSigns(text);
  const ruleAt = new Map(edits.map((edit) => [edit.start, edit.rule]));
  return spellings(text).map((candidate) => {
    const { start, end, form } = candidate;
    const guard = reasonToLeave(text, signs, candidate) ?? null;
    const margin = guard === null && form === 'her' ? readHer(text, start, end).margin : Infinity;
    return {
      start,
      end,
      form,
      rule: ruleAt.get(start) ?? null,
      guard,
      margin: Number.isFinite(margin) ? margin : null,
    };
  });
}
