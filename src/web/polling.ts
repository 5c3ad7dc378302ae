// Asks the server again and again while the page is looked at; the last good answer stays when one call fails.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asError } from './api-call.ts';
import { onReturn } from './connection.ts';

export interface Polled<T> {
  readonly data: T | undefined;
  readonly error: Error | undefined;
  /** Ask now, not at the next beat. */
  readonly refresh: () => void;
}

/**
 * The newest answer of `ask`, asked again when `key` changes and every `everyMs` milliseconds (0: only once).
 * A hidden page does not ask; it does as soon as it is shown again, and every page when a server that was away is back.
 */
export function usePolled<T>(ask: () => Promise<T>, key: string, everyMs: number): Polled<T> {
  const [answer, setAnswer] = useState<{ key: string; data?: T; error?: Error }>({ key });
  const latest = useRef(ask);
  latest.current = ask;
  const current = useRef(key);
  current.current = key;

  const refresh = useCallback(() => {
    const askedFor = current.current;
    const isStale = () => askedFor !== current.current;
    latest.current().then(
      (data) => isStale() || setAnswer({ key: askedFor, data }),
      (error: unknown) =>
        isStale() ||
        setAnswer((before) => ({ ...(before.key === askedFor ? before : { key: askedFor }), error: asError(error) })),
    );
  }, []);

  useEffect(() => onReturn(refresh), [refresh]);
  useEffect(() => {
    refresh();
    if (everyMs === 0) return;
    const askIfSeen = () => {
      if (!document.hidden) refresh();
    };
    const timer = setInterval(askIfSeen, everyMs);
    document.addEventListener('visibilitychange', askIfSeen);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', askIfSeen);
    };
  }, [key, everyMs, refresh]);

  const isCurrent = answer.key === key;
  return { data: isCurrent ? answer.data : undefined, error: isCurrent ? answer.error : undefined, refresh };
}

/** The present moment in milliseconds, renewed every second, for ages that grow while one looks. */
export function useNow(): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
