// Pulls and verifications: what the API says of them, asked for often while one is under way.
import { useEffect, useRef, useState } from 'preact/hooks';
import { apiAddress, call } from './api-call.ts';
import { usePolled } from './polling.ts';

export interface Finding {
  readonly checkpoint: string | null;
  readonly check: string;
  readonly outcome: 'ok' | 'fault' | 'not checked';
  readonly detail: string;
}

export interface Errand {
  readonly id: string;
  readonly kind: 'pull-model' | 'verify-model' | 'verify-dataset';
  readonly name: string;
  readonly checkpoint: string | null;
  readonly state: 'queued' | 'running' | 'cancelling' | 'succeeded' | 'failed' | 'cancelled' | 'interrupted';
  readonly reason: string | null;
  readonly message: string | null;
  readonly progress: {
    readonly unit: string;
    readonly numDone: number;
    readonly numTotal: number;
    readonly doneBytes: number | null;
    readonly totalBytes: number | null;
    readonly bytesPerSecond: number | null;
    readonly secondsLeft: number | null;
    readonly words: string;
  } | null;
  readonly result: {
    /** Of a pull. */
    readonly folder?: string;
    readonly isRegistered?: boolean;
    readonly notices?: readonly string[];
    /** Of a verification. */
    readonly isSound?: boolean;
    readonly findings?: readonly Finding[];
  } | null;
}

function post(path: string, body: object): Promise<Errand> {
  return call<Errand>(apiAddress(path), {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify(body),
  });
}

export const errandsApi = {
  pull: (model: string, checkpoint: string, forceBadRevision: boolean) =>
    post(`models/${encodeURIComponent(model)}/pull`, { checkpoint, forceBadRevision }),
  verifyModel: (model: string, checkpoint: string | undefined) =>
    post(`models/${encodeURIComponent(model)}/verify`, { checkpoint }),
  verifyDataset: (name: string) => post(`datasets/${encodeURIComponent(name)}/verify`, {}),
  cancel: (id: string) => post(`errands/${id}/cancel`, {}),
};

export function isUnderWay({ state }: Errand): boolean {
  return state === 'queued' || state === 'running' || state === 'cancelling';
}

export interface Errands {
  /** Newest first; empty until the server has answered. */
  readonly errands: readonly Errand[];
  readonly refresh: () => void;
}

/** While one is under way, and while none is: another page may begin one. */
const ASK_EVERY_MS = { underWay: 1_000, otherwise: 10_000 };

/** The errands of a model or dataset; `onPulled` is called when a pull that was under way has ended well. */
export function useErrands(name: string, onPulled: () => void = () => undefined): Errands {
  const ask = async () => (await call<{ errands: readonly Errand[] }>(apiAddress('errands', { name }))).errands;
  const [isBusy, setIsBusy] = useState(false);
  const { data, refresh } = usePolled(ask, name, isBusy ? ASK_EVERY_MS.underWay : ASK_EVERY_MS.otherwise);
  const underWay = useRef(new Set<string>());
  useEffect(() => {
    const ended = (data ?? []).filter(({ id, state }) => underWay.current.has(id) && state === 'succeeded');
    underWay.current = new Set((data ?? []).filter(isUnderWay).map(({ id }) => id));
    setIsBusy(underWay.current.size > 0);
    if (ended.some(({ kind }) => kind === 'pull-model')) onPulled();
  }, [data]);
  return { errands: data ?? [], refresh };
}
