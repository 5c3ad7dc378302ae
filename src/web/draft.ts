// What a form holds, kept for this tab until it is submitted, so that a reload loses nothing.
import type { JsonObject } from './json-pointer.ts';

/** The draft under a key; undefined where there is none or the browser keeps nothing. */
export function readDraft(key: string): JsonObject | undefined {
  try {
    const stored = sessionStorage.getItem(key);
    return stored === null ? undefined : (JSON.parse(stored) as JsonObject); // written by writeDraft
  } catch {
    return undefined;
  }
}

/** Keeps a draft, or with undefined forgets it. */
export function writeDraft(key: string, draft: JsonObject | undefined): void {
  try {
    if (draft === undefined) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, JSON.stringify(draft));
  } catch {
    // A browser that keeps nothing has the form until the page is left.
  }
}
