// A labelled list of which one is chosen.

interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
  children: readonly (readonly [value: string, words: string])[];
}

export function Choice({ label, value, onChange, children }: Props) {
  return (
    <label>
      {label}{' '}
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {children.map(([key, words]) => (
          <option value={key} key={key}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
