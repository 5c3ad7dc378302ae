// How the vocabulary is cut where logits are formed: arithmetic only, so that the memory planner reckons with the same blocks.

/** Logits of one block: 4 M values = 16 MB. Twice and four times as many, or half, are no faster on wasm. */
const MAX_BLOCK_LOGITS = 4 * 1024 * 1024;

/** Columns are cut at multiples of this, which suits the matrix product. */
const BLOCK_UNIT = 64;

export interface VocabularyBlock {
  readonly begin: number;
  readonly size: number;
}

/** Blocks of about equal size which cover the vocabulary, for logits of so many rows. */
export function vocabularyBlocks(numRows: number, vocabSize: number): VocabularyBlock[] {
  const numBlocks = Math.ceil((numRows * vocabSize) / MAX_BLOCK_LOGITS);
  const size = numBlocks === 1 ? vocabSize : BLOCK_UNIT * Math.ceil(vocabSize / numBlocks / BLOCK_UNIT);
  const blocks: VocabularyBlock[] = [];
  for (let begin = 0; begin < vocabSize; begin += size) {
    blocks.push({ begin, size: Math.min(size, vocabSize - begin) });
  }
  return blocks;
}
