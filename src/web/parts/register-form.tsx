// Registers a folder or files of the server's under a name, by a form drawn from the API's own schema.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type SpecFault } from '../api-call.ts';
import { catalogApi, type Registrable } from '../catalog-api.ts';
import { withValueAt, type JsonObject } from '../json-pointer.ts';
import type { JsonSchema } from '../json-schema.ts';
import { usePolled } from '../polling.ts';
import { refusalWords } from '../refusal-words.ts';
import { faultsByField, focusFirstFault, SchemaForm } from '../schema-form.tsx';

interface Props {
  kind: Registrable;
  title: string;
  onRegistered: () => void;
}

export function RegisterForm({ kind, title, onRegistered }: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const { data, error } = usePolled(() => catalogApi.bodySchema(kind), kind, 0);
  return (
    <details class="group" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        <span class="group-title">{title}</span>
      </summary>
      {error !== undefined && <p class="fault">{error.message}</p>}
      {isOpen && data !== undefined && <Fields kind={kind} schema={data} onRegistered={onRegistered} />}
    </details>
  );
}

function Fields({ kind, schema, onRegistered }: Omit<Props, 'title'> & { schema: JsonSchema }) {
  const [body, setBody] = useState<JsonObject>({});
  const [faults, setFaults] = useState<readonly SpecFault[]>([]);
  const [said, setSaid] = useState('');
  const [isSending, setIsSending] = useState(false);
  const element = useRef<HTMLFormElement>(null);
  const placed = faultsByField(faults, schema);
  useEffect(() => {
    if (element.current !== null && faults.length > 0) focusFirstFault(element.current);
  }, [faults]);
  const send = async () => {
    setIsSending(true);
    setSaid('');
    try {
      await catalogApi.register(kind, body);
      setFaults([]);
      setSaid(`${String(body['name'])} is registered.`);
      onRegistered();
    } catch (error) {
      const found = error instanceof ApiError ? error.faults : [];
      setFaults(found);
      setSaid(found.length > 0 ? '' : refusalWords(error));
    }
    setIsSending(false);
  };
  return (
    <form
      ref={element}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <SchemaForm
        form={{
          ...{ root: schema, spec: body, faults: placed, choices: {} },
          onChange: (pointer, value) => setBody((before) => withValueAt(before, pointer, value)),
        }}
        advanced={new Set()}
      />
      <p class="actions">
        <button type="submit" class="primary" disabled={isSending}>
          {isSending ? 'Reading the files…' : 'Register'}
        </button>
        <span role="status" class="said">
          {[said, ...(placed.get('') ?? [])].join(' ')}
        </span>
      </p>
    </form>
  );
}
