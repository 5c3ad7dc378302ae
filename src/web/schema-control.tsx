// The single controls of the schema-drawn form. Each shows the default while the spec holds nothing.
import { useState } from 'preact/hooks';
import type { Json } from './json-pointer.ts';

export interface ControlProps {
  /** What the spec holds. */
  readonly value: Json | undefined;
  /** The schema's default. */
  readonly fallback: Json | undefined;
  readonly onChange: (value: Json | undefined) => void;
  readonly input: {
    readonly id: string;
    readonly 'aria-invalid': 'true' | undefined;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-required': 'true' | undefined;
  };
}

interface ChoiceProps extends ControlProps {
  readonly options: readonly Json[];
  readonly isOptional: boolean;
}

/** One of several names. */
export function ChoiceControl({ value, fallback, onChange, input, options, isOptional }: ChoiceProps) {
  const current = value ?? fallback;
  // A name that is no longer registered stays visible, so that the server's answer about it makes sense.
  const shown = current === undefined || options.includes(current) ? options : [...options, current];
  return (
    <select
      {...input}
      value={current === undefined ? '' : String(current)}
      onChange={(event) => onChange(shown.find((option) => String(option) === event.currentTarget.value))}
    >
      {(isOptional || current === undefined) && <option value="">not set</option>}
      {shown.map((option) => (
        <option key={String(option)} value={String(option)}>
          {String(option)}
          {option === fallback && options.length > 1 && ' (default)'}
        </option>
      ))}
    </select>
  );
}

/** Yes or no. */
export function BooleanControl({ value, fallback, onChange, input }: ControlProps) {
  return (
    <input
      type="checkbox"
      {...input}
      checked={(value ?? fallback) === true}
      onChange={(event) => onChange(event.currentTarget.checked)}
    />
  );
}

interface TextProps extends ControlProps {
  readonly kind: 'number' | 'text';
  /** The word that an empty field stands for, such as "auto". */
  readonly word?: string;
  readonly suggestions: readonly string[];
}

/**
 * A word or a number. A number that is none goes to the server as it was typed, so that the answer names the fault:
 * `type=number` would hand over an empty text, and the field would silently count as not given.
 */
export function TextControl({ value, fallback, onChange, input, kind, word, suggestions }: TextProps) {
  const given = word === undefined ? value : (value ?? fallback);
  const held = given === undefined || given === word ? '' : String(given);
  const [typed, setTyped] = useState(held);
  // "0." and "0" are one number: while they agree, what was typed stays as it is.
  const shown = isSameInput(typed, held, kind) ? typed : held;
  const list = suggestions.length > 0 ? `${input.id}-suggestions` : undefined;
  const read = (text: string): Json | undefined => {
    if (text.trim() === '') return word;
    return kind === 'number' && Number.isFinite(Number(text)) ? Number(text) : text.trim();
  };
  const empty = word ?? (fallback === undefined ? undefined : String(fallback));
  return (
    <>
      <input
        type="text"
        {...input}
        inputMode={kind === 'number' ? 'decimal' : undefined}
        autoComplete="off"
        spellcheck={false}
        list={list}
        placeholder={empty}
        value={shown}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          onChange(read(event.currentTarget.value));
        }}
      />
      {list !== undefined && (
        <datalist id={list}>
          {suggestions.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
    </>
  );
}

function isSameInput(typed: string, held: string, kind: 'number' | 'text'): boolean {
  if (typed.trim() === held) return true;
  return kind === 'number' && typed.trim() !== '' && Number(typed) === Number(held === '' ? NaN : held);
}

/** Any JSON, for shapes this form does not know. */
export function JsonControl({ value, fallback, onChange, input }: ControlProps) {
  const [typed, setTyped] = useState(JSON.stringify(value ?? fallback ?? null));
  return (
    <textarea
      {...input}
      rows={3}
      spellcheck={false}
      value={typed}
      onInput={(event) => {
        setTyped(event.currentTarget.value);
        try {
          onChange(JSON.parse(event.currentTarget.value) as Json);
        } catch {
          onChange(event.currentTarget.value); // sent as text: the server's answer names the place
        }
      }}
    />
  );
}
