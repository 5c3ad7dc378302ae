// One edit in its surroundings: the original text, with the word that was taken out and the one that came in.
import type { EditRow } from '../api.ts';
import { formatCount } from '../format.ts';

export function EditSample({ edit }: { edit: EditRow }) {
  return (
    <li>
      <p class="text">
        …{edit.contextBefore}
        <del>{edit.before}</del> <ins>{edit.after}</ins>
        {edit.contextAfter}…
      </p>
      <p class="minor">
        <code>{edit.rule}</code> · step {formatCount(edit.step)}, row {edit.row} of the batch, sample{' '}
        {formatCount(edit.sample)}
      </p>
    </li>
  );
}
