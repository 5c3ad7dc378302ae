// A field that takes several names at once, or one word such as "auto" instead of them.
import type { Json } from './json-pointer.ts';
import { describedBy, FieldWords, type FieldFrame } from './field-words.tsx';

interface Props {
  readonly frame: FieldFrame;
  readonly names: readonly string[];
  /** The word that may stand instead of a list. */
  readonly word: string | undefined;
  readonly value: Json | undefined;
  readonly fallback: Json | undefined;
  readonly onChange: (value: Json | undefined) => void;
}

/** A group of check boxes; with a word, two buttons choose between it and the boxes. */
export function SeveralField({ frame, names, word, value, fallback, onChange }: Props) {
  const current = value ?? fallback;
  const chosen = Array.isArray(current) ? current.map(String) : [];
  const isWord = word !== undefined && current === word;
  const toggle = (name: string, isOn: boolean) =>
    // In the schema's order, so that the same choice is always the same spec.
    onChange(names.filter((other) => (other === name ? isOn : chosen.includes(other))));
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
          {names.map((name, place) => (
            <label key={name}>
              <input
                type="checkbox"
                aria-invalid={place === 0 && frame.faults.length > 0 ? 'true' : undefined}
                checked={chosen.includes(name)}
                onChange={(event) => toggle(name, event.currentTarget.checked)}
              />{' '}
              {name}
            </label>
          ))}
          {names.length === 0 && <span class="help">Nothing is registered to choose from.</span>}
        </div>
      )}
      <FieldWords frame={frame} />
    </fieldset>
  );
}
