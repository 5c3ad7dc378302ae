// Where two rows of token ids differ, for people: rewriting changes few tokens, so the rows run together again soon after each change.
import type { Tokenizer } from '../data/tokenizer.ts';
import { formatTable } from './table.ts';

/** Tokens of one row that became those of another, each with the place where they begin. */
export interface TokenChange {
  readonly place: number;
  readonly before: readonly number[];
  readonly placeAfter: number;
  readonly after: readonly number[];
}

/** So many equal tokens in a row mean that the rows run together again. */
const RUN = 2;

/** The changes from left to right; tokens between them are the same in both rows, as a token-by-token comparison finds. */
export function tokenChanges(before: readonly number[], after: readonly number[]): TokenChange[] {
  const changes: TokenChange[] = [];
  let [left, right] = [0, 0];
  while (left < before.length || right < after.length) {
    if (left < before.length && before[left] === after[right]) {
      left++;
      right++;
      continue;
    }
    const { gone, come } = nearestRun(before, after, left, right);
    const [to, toAfter] = [left + gone, right + come];
    changes.push({
      place: left,
      before: before.slice(left, to),
      placeAfter: right,
      after: after.slice(right, toAfter),
    });
    [left, right] = [to, toAfter];
  }
  return changes;
}

/** How many tokens are gone and have come until the rows are equal again; the least sum, or all that is left. */
function nearestRun(before: readonly number[], after: readonly number[], left: number, right: number) {
  const [leftRest, rightRest] = [before.length - left, after.length - right];
  for (let sum = 1; sum < leftRest + rightRest; sum++)
    for (let gone = Math.max(0, sum - rightRest); gone <= Math.min(sum, leftRest); gone++)
      if (isRun(before, after, left + gone, right + sum - gone)) return { gone, come: sum - gone };
  return { gone: leftRest, come: rightRest };
}

function isRun(before: readonly number[], after: readonly number[], left: number, right: number): boolean {
  const length = Math.min(RUN, Math.max(before.length - left, after.length - right));
  for (let i = 0; i < length; i++) if (before[left + i] !== after[right + i]) return false;
  return length > 0;
}

/** Tokens of context on either side of a change. */
const NEAR = 5;

/** The changes as a table: place, tokens before and after, and the text around them. */
export function formatChanges(tokenizer: Tokenizer, row: readonly number[], changes: readonly TokenChange[]): string {
  const lines = changes.map(({ place, before, after }) => [
    String(place),
    tokensInWords(tokenizer, before),
    tokensInWords(tokenizer, after),
    `…${quoted(tokenizer, row.slice(Math.max(0, place - NEAR), place))}` +
      `[-${quoted(tokenizer, before)}-]{+${quoted(tokenizer, after)}+}` +
      `${quoted(tokenizer, row.slice(place + before.length, place + before.length + NEAR))}…`,
  ]);
  return formatTable([['place', 'before', 'after', 'text'], ...lines]);
}

function tokensInWords(tokenizer: Tokenizer, ids: readonly number[]): string {
  return ids.length === 0 ? '(none)' : ids.map((id) => `${id} "${quoted(tokenizer, [id])}"`).join(' ');
}

/** Text in one line: line ends and quotes as JSON writes them, other control characters too. */
function quoted(tokenizer: Tokenizer, ids: readonly number[]): string {
  return JSON.stringify(tokenizer.decode(ids)).slice(1, -1);
}
