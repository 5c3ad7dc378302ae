// Whether the server can be reached. Every call of the API says how it went; while it cannot, the server is asked for a sign of life.
import { useEffect, useState } from 'preact/hooks';

const ASK_EVERY_MS = 4_000;

const listeners = new Set<() => void>();
let isReached = true;

/** Told by the API's client after each call. */
export function noteReached(next: boolean): void {
  if (next === isReached) return;
  isReached = next;
  for (const listener of listeners) listener();
}

/** Asks the server whether it is there. */
export async function askAgain(): Promise<void> {
  await fetch('healthz', { cache: 'no-store' }).then(
    () => noteReached(true), // any answer is one
    () => noteReached(false),
  );
}

/** Whether the server can be reached, kept up to date. */
export function useConnection(): boolean {
  const [reached, setReached] = useState(isReached);
  useEffect(() => onConnection(() => setReached(isReached)), []);
  useEffect(() => {
    if (reached) return;
    const timer = setInterval(() => void askAgain(), ASK_EVERY_MS);
    return () => clearInterval(timer);
  }, [reached]);
  return reached;
}

/** Calls back when the server is there again, until the returned function is called. */
export function onReturn(callback: () => void): () => void {
  return onConnection(() => isReached && callback());
}

function onConnection(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
