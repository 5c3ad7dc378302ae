// The texts of an item, the stereotyped one first; of two, the words that only one has are marked.
import { wordDifferences, type WordRun } from '../word-differences.ts';

export function ItemTexts({ texts }: { texts: readonly string[] }) {
  const [first, second] = texts;
  if (first === undefined) return null;
  if (second === undefined) return <p class="text">{first}</p>;
  const [runs, others] = wordDifferences(first, second);
  return (
    <>
      <p class="text">
        <Marked runs={runs} />
      </p>
      <p class="text other">
        <Marked runs={others} />
      </p>
    </>
  );
}

function Marked({ runs }: { runs: readonly WordRun[] }) {
  return <>{runs.map(({ text, isOther }, place) => (isOther ? <mark key={place}>{text}</mark> : text))}</>;
}
