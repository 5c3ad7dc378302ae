// The list of keys.
import { useEffect, useRef, useState } from 'preact/hooks';
import { areKeysOn, switchKeys } from '../keys.ts';
import { PLACES } from '../views.tsx';

export function KeysDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const element = useRef<HTMLDialogElement>(null);
  const [isOn, setIsOn] = useState(areKeysOn);
  useEffect(() => {
    if (isOpen) element.current?.showModal();
    else element.current?.close();
  }, [isOpen]);
  const change = (next: boolean) => {
    switchKeys(next);
    setIsOn(next);
  };
  return (
    <dialog ref={element} aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        {PLACES.map(({ title, key }) => (
          <div key={key}>
            <dt>
              <kbd>g</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{title}</dd>
          </div>
        ))}
        <div>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>Search</dd>
        </div>
        <div>
          <dt>
            <kbd>?</kbd>
          </dt>
          <dd>This list</dd>
        </div>
      </dl>
      <p>
        <label>
          <input type="checkbox" checked={isOn} onChange={(event) => change(event.currentTarget.checked)} /> Listen to
          these keys
        </label>
      </p>
      <button type="button" onClick={onClose}>
        Close
      </button>
    </dialog>
  );
}
