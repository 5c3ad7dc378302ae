import { describe, expect, it } from 'vitest';
import { markRow } from '../../src/web/marked-text.ts';
import type { PreviewedRow } from '../../src/web/planning.ts';
import { fakePreview } from './fake-planning.ts';

const [row] = fakePreview(0).rows as [PreviewedRow];

describe('a row with its edits marked', () => {
  it('marks each word where it stands, not where it stands first', () => {
    const texts = (pieces: readonly { text: string; rule?: string }[]) =>
      pieces.map(({ text, rule }) => (rule === undefined ? text : `[${text}]`)).join('');
    // "he" is in "that", "she" and "the" before it is a word of its own.
    const before = 'that she and the he';
    const edits = [{ rule: 'r', before: 'he', after: 'she', contextBefore: 'that she and the ', contextAfter: '' }];
    const marked = markRow({ ...row, before, after: 'that she and the she', edits });
    expect(texts(marked.before)).toBe('that she and the [he]');
    expect(texts(marked.after)).toBe('that she and the [she]');
    expect(marked.numUnplaced).toBe(0);
  });

  it('ends where the rewritten row was cut', () => {
    const marked = markRow({ ...row, after: row.after.slice(0, 24) });
    expect(marked.after.map(({ text }) => text).join('')).toBe(row.after.slice(0, 24));
    expect(marked.numUnplaced).toBe(0);
  });

  it('shows the texts without marks, and counts, when an edit is not found or the texts do not follow from the edits', () => {
    const elsewhere = row.edits.map((edit) => ({ ...edit, contextBefore: 'nothing like it ' }));
    expect(markRow({ ...row, edits: elsewhere }).numUnplaced).toBe(2);
    const other = markRow({ ...row, after: 'Another text.' });
    expect(other.after).toEqual([{ text: 'Another text.' }]);
    expect(other.numUnplaced).toBe(2);
  });

  it('leaves out the middle of long stretches alone', () => {
    const long = 'x'.repeat(1_000);
    const marked = markRow({ ...row, before: row.before + long, after: row.after + long });
    expect(marked.before.filter(({ rule }) => rule !== undefined)).toHaveLength(2);
    expect(marked.before.map(({ text }) => text).join('').length).toBeLessThan(300);
  });
});
