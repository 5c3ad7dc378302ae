// One edit in its surroundings: the text as it was and as it was trained on, every changed word marked in both.
import type { EditRow } from '../api.ts';
import { formatCount } from '../format.ts';
import { diffWords, type Piece } from '../word-diff.ts';

export function EditSample({ edit }: { edit: EditRow }) {
  const { before, after } = diffWords(edit.contextBefore, edit.contextAfter);
  return (
    <li>
      <p class="sample-head">
        <span>
          <del>{edit.before}</del> → <ins>{edit.after}</ins>
        </span>
        <span class="minor">
          <code>{edit.rule}</code> step {formatCount(edit.step)}, row {edit.row}, sample {formatCount(edit.sample)}
        </span>
      </p>
      <p class="text">
        <span class="side">was</span> <Marked pieces={before} tag="del" />
      </p>
      <p class="text">
        <span class="side">is</span> <Marked pieces={after} tag="ins" />
      </p>
    </li>
  );
}

function Marked({ pieces, tag: Tag }: { pieces: readonly Piece[]; tag: 'del' | 'ins' }) {
  return <span>{pieces.map(({ text, isChanged }, place) => (isChanged ? <Tag key={place}>{text}</Tag> : text))}</span>;
}
