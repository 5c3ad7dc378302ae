// A button that asks the server for something: busy while it waits, and a refusal is told in the server's words. What cannot be undone asks first.
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { refusalWords } from '../refusal-words.ts';

interface Props {
  /** Throws what the reader should know. */
  action: () => Promise<unknown>;
  children: string;
  /** What is asked before; without it the action begins at once. */
  question?: { readonly title: string; readonly yes: string; readonly no: string; readonly body: ComponentChildren };
}

export function ActionButton({ action, children, question }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setIsBusy] = useState(false);
  const [fault, setFault] = useState('');
  const act = async () => {
    setIsBusy(true);
    setFault('');
    try {
      await action();
      dialog.current?.close();
    } catch (error) {
      setFault(refusalWords(error));
    }
    setIsBusy(false);
  };
  if (question === undefined) {
    return (
      <>
        <button type="button" disabled={isBusy} onClick={() => void act()}>
          {children}
        </button>
        {fault !== '' && <span role="alert">{fault}</span>}
      </>
    );
  }
  return (
    <>
      <button type="button" class="danger" onClick={() => dialog.current?.showModal()}>
        {children}
      </button>
      <dialog ref={dialog} aria-label={question.title} onClose={() => setFault('')}>
        <h2>{question.title}</h2>
        {question.body}
        {fault !== '' && <p role="alert">{fault}</p>}
        <p class="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            {question.no}
          </button>
          <button type="button" class="danger" disabled={isBusy} onClick={() => void act()}>
            {question.yes}
          </button>
        </p>
      </dialog>
    </>
  );
}
