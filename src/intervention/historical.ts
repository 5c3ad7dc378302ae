// What the code behind Pythia's published interventions did to each row of tokens, so that its effect can be measured. Three variants,
// all masculine to feminine, from the gpt-neox branches `intervention` (revision df1bdca0) and `new-intervention` (8164ebc3), where they
// stood in megatron/training.py, `_get_batch`. They know nothing of documents, of words, or of what a pronoun does.
import type { Edit } from '../../augmentation/edit.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import type { HistoricalPolicy } from '../job-spec.ts';
import type { RewrittenRow } from './row.ts';

/** Rewrites one row as the policy did; undefined when its tokens stay as they are. Throws InputError for an id without a token. */
export function rewriteHistorically(
  policy: HistoricalPolicy,
  tokenizer: Tokenizer,
  tokens: Int32Array,
): RewrittenRow | undefined {
  switch (policy) {
    case 'idmap-2022':
      return mapIds(tokenizer, tokens);
    case 'stringreplace-2023-as-pushed':
      return replaceStrings(tokenizer, tokens, false);
    case 'stringreplace-2023-intended':
      return replaceStrings(tokenizer, tokens, true);
  }
}

/**
 * Tokens by their text: in GPT-NeoX-20B's vocabulary these are the ids that the branch had in its code (754 → 1500, 3032 → 4058,
 * 8389 → 10759, 1328 → 2993, 521 → 617, 344 → 703, 779 → 617, 8701 → 379, 13243 → 379, 248 → 6689). The bare pieces also stand within
 * words ("t|he|…"), and are changed there too. himself, " Him" and " Himself" are not covered.
 */
const ID_MAP: readonly (readonly [string, string])[] = [
  [' He', ' She'],
  [' His', ' Her'],
  ['His', 'Her'],
  ['He', 'She'],
  [' his', ' her'],
  [' he', ' she'],
  [' him', ' her'],
  ['his', 'her'],
  ['him', 'her'],
  ['he', 'she'],
];

interface Mapped {
  readonly to: number;
  readonly before: string;
  readonly after: string;
}

const idMaps = new WeakMap<Tokenizer, ReadonlyMap<number, Mapped>>();

function idMapOf(tokenizer: Tokenizer): ReadonlyMap<number, Mapped> {
  let map = idMaps.get(tokenizer);
  if (map === undefined) {
    const entries = ID_MAP.flatMap(([before, after]): (readonly [number, Mapped])[] => {
      const [from, to] = [tokenizer.tokenId(before), tokenizer.tokenId(after)];
      return from === undefined || to === undefined ? [] : [[from, { to, before, after }]];
    });
    idMaps.set(tokenizer, (map = new Map(entries)));
  }
  return map;
}

function mapIds(tokenizer: Tokenizer, tokens: Int32Array): RewrittenRow | undefined {
  const map = idMapOf(tokenizer);
  const places = [...tokens.keys()].filter((place) => map.has(tokens[place]!)); // places of the row
  if (places.length === 0) return undefined;
  const mapped = tokens.slice();
  const edits = places.map((place) => {
    const { to, before, after } = map.get(tokens[place]!)!; // filtered above
    mapped[place] = to;
    const left = tokenizer.decode(tokens.subarray(Math.max(0, place - NEAR_TOKENS), place));
    const right = tokenizer.decode(tokens.subarray(place + 1, place + NEAR_TOKENS));
    const edit = { start: left.length, end: left.length + before.length, before, after, rule: ruleOf('idmap', before) };
    return { edit, documentText: left + before + right };
  });
  return { tokens: mapped, edits, numTokensCut: 0, numResegmented: 0 };
}

/** Tokens around a changed one that are decoded for the record. */
const NEAR_TOKENS = 12;

/** One after the other, each on the text that the one before it left; a blank is wanted on both sides. */
const REPLACEMENTS: readonly (readonly [string, string])[] = [
  [' he ', ' she '],
  [' him ', ' her '],
  [' his ', ' her '],
  [' He ', ' She '],
  [' Him ', ' Her '],
  [' His ', ' Her '],
];

/** The id that fills a row which has become shorter; the loss was not told to leave it out. */
const PADDING = 1;

/**
 * The row's text with the replacements; a row that they do not change stays. The tokens written back are those of the replaced text,
 * or, as pushed, of the text as it was: then nothing happens but that special tokens are lost and the rest is tokenised anew. The row
 * is cut at its end, or filled there with PADDING.
 */
function replaceStrings(tokenizer: Tokenizer, tokens: Int32Array, isIntended: boolean): RewrittenRow | undefined {
  const original = tokenizer.decode(tokens.filter((id) => !tokenizer.isSpecial(id)));
  const replaced = REPLACEMENTS.reduce((text, [from, to]) => text.replaceAll(from, to), original);
  if (replaced === original) return undefined;
  const ids = tokenizer.encode(isIntended ? replaced : original);
  const row = new Int32Array(tokens.length).fill(PADDING);
  row.set(ids.slice(0, tokens.length));
  if (!isIntended && row.every((id, place) => id === tokens[place])) return undefined;
  const numTokensCut = Math.max(0, ids.length - tokens.length);
  const kept = numTokensCut === 0 ? replaced : tokenizer.decode(row);
  const edits = isIntended ? editsBetween(original, kept) : [];
  return { tokens: row, edits, numTokensCut, numResegmented: 0 };
}

/** Pronouns of the text in the places where the kept text has another; the other words are the same in both. */
function editsBetween(original: string, kept: string): { edit: Edit; documentText: string }[] {
  const edits: { edit: Edit; documentText: string }[] = [];
  let shift = 0;
  for (const { 0: before, index: start } of original.matchAll(/(?<= )(?:he|him|his|He|Him|His)(?= )/g)) {
    const after = /^(?:she|her)(?= |$)/i.exec(kept.slice(start + shift, start + shift + 4))?.[0];
    if (after === undefined) continue;
    shift += after.length - before.length;
    const edit = { start, end: start + before.length, before, after, rule: ruleOf('stringreplace', before) };
    edits.push({ edit, documentText: original });
  }
  return edits;
}

function ruleOf(code: string, before: string): string {
  return `${code}-${before.trim().toLowerCase()}`;
}
