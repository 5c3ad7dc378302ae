// What a server and the child process that does an errand say to each other over IPC.
import type { ErrandKind, ErrandProgress, ErrandReason } from '../store/errands.ts';
import type { HubAccess } from '../suite/hub/request.ts';

/** Complete: the process reads no settings. */
export interface ErrandTask {
  readonly kind: ErrandKind;
  readonly name: string;
  readonly step: number | null;
  readonly options: ErrandOptions;
  readonly home: string;
  readonly hub: HubAccess;
}

export interface ErrandOptions {
  /** Of a pull: takes a revision that is known to hold other weights. */
  readonly forceBadRevision?: boolean;
  /** Of a dataset's verification: reads every sample. */
  readonly all?: boolean;
  /** Of a dataset's verification: token ids must lie below. */
  readonly vocabSize?: number;
}

export type ErrandMessage =
  | { readonly type: 'progress'; readonly progress: ErrandProgress }
  | { readonly type: 'finished'; readonly result: Readonly<Record<string, unknown>> }
  /** Stopped on request. */
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly reason: ErrandReason; readonly message: string };
