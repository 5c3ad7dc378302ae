// A box with a message: an error, an empty state, something a reader should know before the rest.
import type { ComponentChildren } from 'preact';

interface Props {
  tone: 'error' | 'empty' | 'note';
  title: string;
  children?: ComponentChildren;
}

export function Notice({ tone, title, children }: Props) {
  return (
    <div class={`notice ${tone}`} role={tone === 'error' ? 'alert' : undefined}>
      <p class="notice-title">{title}</p>
      {children}
    </div>
  );
}
