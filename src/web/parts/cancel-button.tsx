// Asks before it cancels: a cancelled job cannot go on.
import { useRef, useState } from 'preact/hooks';
import { api } from '../api.ts';

export function CancelButton({ id, name, onDone }: { id: string; name: string; onDone: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [fault, setFault] = useState('');
  const cancel = async () => {
    try {
      await api.cancel(id);
      dialog.current?.close();
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
    onDone();
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => dialog.current?.showModal()}>
        Cancel job
      </button>
      <dialog ref={dialog} aria-labelledby="cancel-title">
        <h2 id="cancel-title">Cancel “{name}”?</h2>
        <p>Training stops at the next step. Steps and scores recorded so far stay; the job cannot be continued.</p>
        {fault !== '' && <p role="alert">{fault}</p>}
        <p class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Keep it running
          </button>
          <button type="button" class="danger" onClick={() => void cancel()}>
            Yes, cancel it
          </button>
        </p>
      </dialog>
    </>
  );
}
