// A field that takes several names at once, or one word such as "auto" instead of them. An entry may also be an object, which is offered beside the
// names or, when it came with the spec, kept and shown as it is.
import type { Json, JsonObject } from './json-pointer.ts';
import { describedBy, FieldWords, type FieldFrame } from './field-words.tsx';

interface Props {
  readonly frame: FieldFrame;
  readonly names: readonly string[];
  readonly more: readonly { readonly words: string; readonly value: JsonObject }[];
  /** The word that may stand instead of a list. */
  readonly word: string | undefined;
  readonly value: Json | undefined;
  readonly fallback: Json | undefined;
  readonly onChange: (value: Json | undefined) => void;
}

/** A group of check boxes; with a word, two buttons choose between it and the boxes. */
export function SeveralField({ frame, names, more, word, value, fallback, onChange }: Props) {
  const current = value ?? fallback;
  const chosen: readonly Json[] = Array.isArray(current) ? current : [];
  const isIn = (list: readonly Json[], entry: Json) => list.some((one) => textOf(one) === textOf(entry));
  const offered = [...names.map((name) => ({ words: name, value: name as Json })), ...more];
  const own = chosen.filter(
    (entry) =>
      !isIn(
        offered.map((one) => one.value),
        entry,
      ),
  );
  const entries = [...offered, ...own.map((entry) => ({ words: textOf(entry), value: entry }))];
  const isWord = word !== undefined && current === word;
  const toggle = (toggled: Json, isOn: boolean) =>
    // In the schema's order, so that the same choice is always the same spec.
    onChange(entries.map((one) => one.value).filter((other) => (other === toggled ? isOn : isIn(chosen, other))));
  return (
    <fieldset class="field several" aria-describedby={describedBy(frame)}>
      <legend>{frame.label}</legend>
      <div class="options">
        {word !== undefined && (
          <>
            <label>
              <input type="radio" name={frame.id} checked={isWord} onChange={() => onChange(word)} /> {word}
            </label>
            <label>
              <input type="radio" name={frame.id} checked={!isWord} onChange={() => onChange([...names])} /> choose
            </label>
          </>
        )}
      </div>
      {!isWord && (
        <div class="options">
          {entries.map(({ words, value: entry }, place) => (
            <label key={words}>
              <input
                type="checkbox"
                aria-invalid={place === 0 && frame.faults.length > 0 ? 'true' : undefined}
                checked={isIn(chosen, entry)}
                onChange={(event) => toggle(entry, event.currentTarget.checked)}
              />{' '}
              {words}
            </label>
          ))}
          {entries.length === 0 && <span class="help">Nothing is registered to choose from.</span>}
        </div>
      )}
      <FieldWords frame={frame} />
    </fieldset>
  );
}

/** JSON with the keys of an object in order: the database keeps them in another one than the form. */
function textOf(entry: Json): string {
  const isObject = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
  return JSON.stringify(
    isObject ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1))) : entry,
  );
}
