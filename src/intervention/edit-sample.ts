// A few edits of a step for the record, chosen by hash: the same whenever the step is rewritten, and not always the first.
import { hashWords } from './draw.ts';
import type { RowEdit } from './splice.ts';

/** One edit with the text around it. */
export interface EditSample {
  /** Row of the batch, and absolute number of the sample in the data. */
  readonly row: number;
  readonly sample: number;
  readonly rule: string;
  readonly before: string;
  readonly after: string;
  /** About 40 characters of the original text on the left and on the right of the word. */
  readonly contextBefore: string;
  readonly contextAfter: string;
}

/** Where an edit is: `index` counts the edits of its row. */
export interface EditPlace {
  readonly row: number;
  readonly sample: number;
  readonly index: number;
}

const MOST_SAMPLES = 8;
const CONTEXT_UNITS = 40;

/** Takes edits one by one and keeps those with the least hashes. */
export function openEditSample(seed: number, step: number) {
  const kept: { readonly hash: number; readonly place: EditPlace; readonly sample: EditSample }[] = [];
  return {
    offer(edit: RowEdit, place: EditPlace): void {
      const hash = hashWords(seed, [step, place.sample % 2 ** 32, place.index]);
      const worst = kept.at(-1);
      if (kept.length === MOST_SAMPLES && worst !== undefined && hash >= worst.hash) return;
      kept.push({ hash, place, sample: { row: place.row, sample: place.sample, ...describeEdit(edit) } });
      kept.sort((a, b) => a.hash - b.hash);
      kept.length = Math.min(kept.length, MOST_SAMPLES);
    },
    /** What was kept, in the order of the batch. */
    take(): EditSample[] {
      return [...kept]
        .sort((a, b) => a.place.row - b.place.row || a.place.index - b.place.index)
        .map(({ sample }) => sample);
    },
  };
}

/** The edit with the text around it. */
export function describeEdit({ edit, documentText }: RowEdit): Omit<EditSample, 'row' | 'sample'> {
  const { rule, before, after, start, end } = edit;
  const contextBefore = storable(documentText.slice(Math.max(0, start - CONTEXT_UNITS), start));
  const contextAfter = storable(documentText.slice(end, end + CONTEXT_UNITS));
  return { rule, before, after, contextBefore, contextAfter };
}

/** Without halves of characters and zero bytes, which no database column takes. */
function storable(text: string): string {
  return text.replace(/^[\udc00-\udfff]|[\ud800-\udbff]$/g, '').replaceAll('\0', '\ufffd');
}
