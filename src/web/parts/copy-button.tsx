// Copies a text; says aloud whether that worked. Browsers give the clipboard only to https and localhost.
import { useState } from 'preact/hooks';

export function CopyButton({ text, children }: { text: string; children: string }) {
  const [said, setSaid] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      setSaid('The browser does not allow copying here; select the text below instead.');
    }
    setTimeout(() => setSaid(''), 4000);
  };
  return (
    <>
      <button type="button" class="quiet" onClick={() => void copy()}>
        {children}
      </button>
      <span role="status" class="said">
        {said}
      </span>
    </>
  );
}
