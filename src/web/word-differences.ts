// Which words of two texts differ, so that a pair of sentences can be read as one glance.

export interface WordRun {
  readonly text: string;
  readonly isOther: boolean;
}

/** Beyond so many words a pair is shown without marks: the table of the comparison grows with their product. */
const MOST_WORDS = 400;

/** Both texts in runs of words that they share, in order, and words that only one of them has; blanks stay with the word before them. */
export function wordDifferences(a: string, b: string): readonly [WordRun[], WordRun[]] {
  const [wordsA, wordsB] = [piecesOf(a), piecesOf(b)];
  if (wordsA.length > MOST_WORDS || wordsB.length > MOST_WORDS)
    return [[{ text: a, isOther: false }], [{ text: b, isOther: false }]];
  const lengths = commonLengths(wordsA, wordsB);
  const sharedA = new Set<number>();
  const sharedB = new Set<number>();
  for (let [i, j] = [0, 0]; i < wordsA.length && j < wordsB.length;) {
    if (wordsA[i] === wordsB[j]) {
      sharedA.add(i++);
      sharedB.add(j++);
    } else if (lengths[i + 1]![j]! >= lengths[i]![j + 1]!)
      i += 1; // both in range
    else j += 1;
  }
  return [runsOf(wordsA, sharedA), runsOf(wordsB, sharedB)];
}

function piecesOf(text: string): string[] {
  return text.match(/[\p{L}\p{M}\p{N}']+|[^\p{L}\p{M}\p{N}']+/gu) ?? [];
}

/** How many pieces the rests of both texts have in common, from each pair of places. */
function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const lengths = Array.from({ length: a.length + 1 }, () => Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!); // in range
    }
  }
  return lengths;
}

function runsOf(pieces: readonly string[], shared: ReadonlySet<number>): WordRun[] {
  const runs: WordRun[] = [];
  pieces.forEach((text, place) => {
    const isOther = !shared.has(place);
    const last = runs.at(-1);
    if (last?.isOther === isOther) runs[runs.length - 1] = { text: last.text + text, isOther };
    else runs.push({ text, isOther });
  });
  return runs;
}
