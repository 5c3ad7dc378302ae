// A command to be run on the server's machine, with a button that copies it.
import { CopyButton } from './copy-button.tsx';

export function CommandLine({ text }: { text: string }) {
  return (
    <span class="command-line">
      <code>{text}</code> <CopyButton text={text}>Copy</CopyButton>
    </span>
  );
}
