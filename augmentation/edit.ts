// One change of a text, and how changes are written into it.

/** One replaced span of the input. */
export interface Edit {
  /** UTF-16 offsets of the span in the input. */
  readonly start: number;
  readonly end: number;
  readonly before: string;
  readonly after: string;
  /** The rule's id in augmentation/rules/pronouns.json, for example his-determiner. */
  readonly rule: string;
}

/** Writes the edits (sorted, not overlapping, offsets of `text`) into the text. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let rewritten = '';
  let done = 0;
  for (const edit of edits) {
    rewritten += text.slice(done, edit.start) + edit.after;
    done = edit.end;
  }
  return rewritten + text.slice(done);
}
