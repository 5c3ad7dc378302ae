// What `tiresias rewrite` tells beside the documents: counts for --stats, and a text with its edits in colour for --diff.
import type { Decision } from '../../augmentation/explain.ts';
import type { Rewritten } from '../../augmentation/rewrite.ts';

/** Below this margin a `her` counts as undecided: about half of them are read wrongly, see docs/rewriter.md. */
export const UNDECIDED_MARGIN = 1;

/** Counts over all documents of a run. */
export interface RewriteStats {
  numDocuments: number;
  numUnits: number;
  numDocumentsChanged: number;
  numEdits: number;
  readonly editsByRule: Record<string, number>;
  readonly leftByGuard: Record<string, number>;
  numHer: number;
  numHerUndecided: number;
}

export function newStats(): RewriteStats {
  const counts = { numDocuments: 0, numUnits: 0, numDocumentsChanged: 0, numEdits: 0, numHer: 0, numHerUndecided: 0 };
  return { ...counts, editsByRule: {}, leftByGuard: {} };
}

/** Adds one document to the counts. */
export function countDocument(
  stats: RewriteStats,
  text: string,
  { edits }: Rewritten,
  decisions: readonly Decision[],
): void {
  stats.numDocuments++;
  stats.numUnits += text.length;
  stats.numEdits += edits.length;
  if (edits.length > 0) stats.numDocumentsChanged++;
  for (const { rule } of edits) stats.editsByRule[rule] = (stats.editsByRule[rule] ?? 0) + 1;
  for (const { guard, form, margin } of decisions) {
    if (guard !== null) stats.leftByGuard[guard] = (stats.leftByGuard[guard] ?? 0) + 1;
    else if (form === 'her') {
      stats.numHer++;
      if (margin !== null && Math.abs(margin) < UNDECIDED_MARGIN) stats.numHerUndecided++;
    }
  }
}

const RED = '\x1b[31;9m';
const GREEN = '\x1b[32m';
const PLAIN = '\x1b[0m';

/** The text with what was taken out struck through in red and what was put in in green; with brackets where there is no colour. */
export function coloured(text: string, { edits }: Rewritten, hasColour: boolean): string {
  let shown = '';
  let done = 0;
  for (const { start, end, before, after } of edits) {
    const change = hasColour ? `${RED}${before}${PLAIN}${GREEN}${after}${PLAIN}` : `[-${before}-]{+${after}+}`;
    shown += text.slice(done, start) + change;
    done = end;
  }
  return shown + text.slice(done);
}
