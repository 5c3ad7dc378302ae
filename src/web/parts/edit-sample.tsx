// One edit in its surroundings: the original text, with the word that was taken out and the one that came in.
import type { EditRow } from '../api.ts';
import { formatCount } from '../format.ts';

export function EditSample({ edit, onStep }: { edit: EditRow; onStep?: (() => void) | undefined }) {
  return (
    <li>
      <p class="text">
        …{edit.contextBefore}
        <del>{edit.before}</del> <ins>{edit.after}</ins>
        {edit.contextAfter}…
      </p>
      <p class="minor">
        <code>{edit.rule}</code> · step {formatCount(edit.step)}, row {edit.row} of the batch, sample{' '}
        {formatCount(edit.sample)}{' '}
        {onStep !== undefined && (
          <button type="button" class="quiet" onClick={onStep}>
            All of step {formatCount(edit.step)}
          </button>
        )}
      </p>
    </li>
  );
}
