// One row of a previewed batch: its text before and after, each edit marked with the number and colour of its rule.
import { Fragment } from 'preact';
import { formatCount } from '../format.ts';
import { markRow, type Piece } from '../marked-text.ts';
import type { PreviewedRow } from '../planning.ts';
import { ruleClass, type Rule } from './rule-legend.tsx';

interface Props {
  row: PreviewedRow;
  rules: readonly Rule[];
}

export function PreviewedRowCard({ row, rules }: Props) {
  const { before, after, numUnplaced } = markRow(row);
  return (
    <li>
      <p class="minor">
        Row {row.row} of the batch, sample {formatCount(row.sample)} · {row.edits.length}{' '}
        {row.edits.length === 1 ? 'edit' : 'edits'}
        {row.numTokensCut > 0 && ` · ${row.numTokensCut} tokens cut at its end`}
        {numUnplaced > 0 && ` · ${numUnplaced} not marked`}
      </p>
      <div class="sides">
        <p>
          <span class="side-name">before</span>
          <Pieces pieces={before} rules={rules} isNew={false} />
        </p>
        <p>
          <span class="side-name">after</span>
          <Pieces pieces={after} rules={rules} isNew />
        </p>
      </div>
    </li>
  );
}

function Pieces({ pieces, rules, isNew }: { pieces: readonly Piece[]; rules: readonly Rule[]; isNew: boolean }) {
  const Word = isNew ? 'ins' : 'del';
  return (
    <span class="text">
      {pieces.map(({ text, rule }, place) => {
        const number = rules.find((one) => one.rule === rule)?.number;
        if (number === undefined) return <Unchanged key={place} text={text} />;
        return (
          <Word key={place} class={ruleClass(number)} title={rule}>
            {text}
            <sub>{number}</sub>
          </Word>
        );
      })}
    </span>
  );
}

const DOCUMENT_END = '<|endoftext|>';

/** The token between two documents is shown as a sign. */
function Unchanged({ text }: { text: string }) {
  return (
    <span>
      {text.split(DOCUMENT_END).map((part, place) => (
        <Fragment key={place}>
          {place > 0 && (
            <span class="document-end" title={`${DOCUMENT_END}: here another document begins`}>
              ¶
            </span>
          )}
          {part}
        </Fragment>
      ))}
    </span>
  );
}
