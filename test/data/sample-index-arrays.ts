// The index arrays of a corpus in memory, for tests that compare them whole.
import { buildSampleIndex, type Corpus, type SampleOrder } from '../../src/data/sample-index.ts';

export interface SampleIndexArrays {
  readonly numEpochs: number;
  readonly documents: number[];
  /** [S + 1, 2], flat. */
  readonly starts: number[];
  readonly order: number[];
}

/** What buildSampleIndex hands to its sink. */
export function collectSampleIndex(corpus: Corpus, order: SampleOrder): SampleIndexArrays {
  const arrays: Omit<SampleIndexArrays, 'numEpochs'> = { documents: [], starts: [], order: [] };
  const { numEpochs } = buildSampleIndex(corpus, order, {
    documents: (values) => arrays.documents.push(...values),
    starts: (pieces) => {
      for (const piece of pieces) arrays.starts.push(...piece);
    },
    order: (values) => arrays.order.push(...values),
  });
  return { numEpochs, ...arrays };
}
