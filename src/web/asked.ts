// One answer of the server that follows what a form holds: asked for a moment after the last change, given up when there is another.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asError } from './api-call.ts';
import { onReturn } from './connection.ts';

export interface Asked<T> {
  /** The newest good answer, also while another is on the way. */
  readonly data: T | undefined;
  /** Why the last call had none; undefined while it is on the way. */
  readonly error: Error | undefined;
  readonly isAsking: boolean;
  readonly cancel: () => void;
  readonly again: () => void;
}

interface State<T> {
  readonly data?: T | undefined;
  readonly error?: Error | undefined;
  readonly isAsking: boolean;
}

/** The answer of `ask`, asked again `delayMs` after `key` has changed, and when a server that gave none is back; an undefined key asks nothing. */
export function useAsked<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  key: string | undefined,
  delayMs: number,
): Asked<T> {
  const [state, setState] = useState<State<T>>({ isAsking: key !== undefined });
  const latest = useRef(ask);
  latest.current = ask;
  const running = useRef<AbortController | undefined>(undefined);
  const stop = useCallback(() => {
    running.current?.abort();
    running.current = undefined;
  }, []);
  const start = useCallback(() => {
    stop();
    const own = new AbortController();
    running.current = own;
    setState(({ data }) => ({ data, isAsking: true }));
    latest.current(own.signal).then(
      (data) => own.signal.aborted || setState({ data, isAsking: false }),
      (error: unknown) =>
        own.signal.aborted || setState(({ data }) => ({ data, error: asError(error), isAsking: false })),
    );
  }, [stop]);
  useEffect(() => {
    if (key === undefined) return;
    const timer = setTimeout(start, delayMs);
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [key, delayMs, start, stop]);
  const hasFailed = useRef(false);
  hasFailed.current = key !== undefined && state.error !== undefined;
  useEffect(() => onReturn(() => hasFailed.current && start()), [start]);
  const cancel = useCallback(() => {
    stop();
    setState(({ data }) => ({ data, isAsking: false }));
  }, [stop]);
  return { data: state.data, error: state.error, isAsking: state.isAsking, cancel, again: start };
}
