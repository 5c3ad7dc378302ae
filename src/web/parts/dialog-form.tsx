// A form in a dialog behind a button. Its fields are made when it opens and forgotten when it closes; what the server refuses is told in it.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { refusalWords } from '../refusal-words.ts';

interface ButtonProps {
  button: string;
  title: string;
  children: (close: () => void) => ComponentChildren;
}

export function DialogButton({ button, title, children }: ButtonProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isOpen, setIsOpen] = useState(false);
  const open = () => {
    setIsOpen(true);
    dialog.current?.showModal();
  };
  return (
    <>
      <button type="button" onClick={open}>
        {button}
      </button>
      <dialog ref={dialog} aria-label={title} onClose={() => setIsOpen(false)}>
        <h2>{title}</h2>
        {isOpen && children(() => dialog.current?.close())}
      </dialog>
    </>
  );
}

interface FormProps {
  yes: string;
  /** Throws what the reader should know. */
  action: () => Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

export function DialogForm({ yes, action, onClose, children }: FormProps) {
  const [isSending, setIsSending] = useState(false);
  const [fault, setFault] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    setIsSending(true);
    setFault('');
    try {
      await action();
      onClose();
    } catch (refusal) {
      setFault(refusalWords(refusal));
      setIsSending(false);
    }
  };
  return (
    <form class="dialog-form" onSubmit={(event) => void submit(event)}>
      {children}
      {fault !== '' && (
        <p role="alert" class="fault">
          {fault}
        </p>
      )}
      <p class="actions">
        <button type="button" onClick={onClose}>
          Not now
        </button>
        <button type="submit" class="primary" disabled={isSending}>
          {yes}
        </button>
      </p>
    </form>
  );
}
