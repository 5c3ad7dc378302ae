// The words around a field of the form: help, and the server's faults with it.

/** A field's identity and words. */
export interface FieldFrame {
  readonly id: string;
  readonly label: string;
  readonly help: string;
  readonly faults: readonly string[];
  readonly isRequired: boolean;
}

/** The ids of help and faults, for aria-describedby. */
export function describedBy({ id, help, faults }: FieldFrame): string | undefined {
  const ids = [...(faults.length > 0 ? [`${id}-faults`] : []), ...(help !== '' ? [`${id}-help`] : [])];
  return ids.length > 0 ? ids.join(' ') : undefined;
}

/** Help and faults of a field, with the ids that `describedBy` names. */
export function FieldWords({ frame }: { frame: FieldFrame }) {
  return (
    <>
      {frame.faults.length > 0 && (
        <p class="fault" id={`${frame.id}-faults`} role="alert">
          {frame.faults.join('; ')}
        </p>
      )}
      {frame.help !== '' && (
        <p class="help" id={`${frame.id}-help`}>
          <HelpText>{frame.help}</HelpText>
        </p>
      )}
    </>
  );
}

/** A description, with what stands between backticks as code. */
export function HelpText({ children }: { children: string }) {
  return <>{children.split('`').map((part, place) => (place % 2 === 1 ? <code key={place}>{part}</code> : part))}</>;
}
