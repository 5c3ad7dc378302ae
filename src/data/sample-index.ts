// Which tokens make which training sample when documents are packed: the three index arrays of GPT-NeoX v1.0
// (megatron/data/gpt2_dataset.py and helpers.cpp), rebuilt. Between dataset and replay.
// As there: all epochs are shuffled as one array, neighbouring samples share one token, and the tail that fills no sample is left out.
import { DataError, InputError } from '../errors.ts';
import { numpyRandom } from './numpy-random.ts';

/** Limits of the number types that hold the index: document positions are int32, sample numbers uint32. */
const MOST_POSITIONS = 2 ** 31 - 1;
const MOST_SAMPLES = 2 ** 32 - 3;

export interface SampleIndex {
  readonly numEpochs: number;
  /** [numEpochs · documents]: document at each position of the packed stream. */
  readonly documents: Int32Array;
  /** [S + 1, 2]: position in `documents` and token in that document where each packed sample begins. */
  readonly starts: Int32Array;
  /** [S]: packed sample that is read as the i-th training sample. */
  readonly order: Uint32Array;
}

export interface Corpus {
  readonly prefix: string;
  readonly numDocuments: number;
  readonly numTokens: number;
  documentLength(document: number): number;
}

/** Samples that GPT-NeoX asks for, with its head-room of half a per cent. */
export function numSamplesRequested(trainSteps: number, batchSize: number): number {
  return Math.ceil(trainSteps * batchSize * 1.005);
}

/**
 * Builds the arrays for at least `numSamples` samples of seqLength + 1 tokens.
 * Throws DataError for a corpus without tokens, InputError when the arrays would exceed the format's own limits.
 */
export function buildSampleIndex(corpus: Corpus, seqLength: number, numSamples: number, seed: number): SampleIndex {
  const random = numpyRandom(seed);
  const numEpochs = countEpochs(corpus, seqLength, numSamples);
  const S = Math.floor((numEpochs * corpus.numTokens - 1) / seqLength);
  const numPositions = numEpochs * corpus.numDocuments;
  if (numPositions > MOST_POSITIONS || S > MOST_SAMPLES) {
    throw new InputError(
      `${corpus.prefix}: ${numSamples} samples of ${seqLength} tokens need ${numEpochs} epochs of ${corpus.numDocuments} documents; ` +
        `expected at most ${MOST_POSITIONS} documents and ${MOST_SAMPLES} samples; take fewer training steps or a larger corpus`,
    );
  }
  const documents = new Int32Array(numPositions);
  for (let i = 0; i < numPositions; i++) documents[i] = i % corpus.numDocuments;
  random.shuffle(documents); // before the order: both draw from one generator
  const starts = packSamples(corpus, documents, seqLength, S);
  const order = new Uint32Array(S);
  for (let i = 0; i < S; i++) order[i] = i;
  random.shuffle(order);
  return { numEpochs, documents, starts, order };
}

// The least e with ⌊(e·T − 1) / seqLength⌋ ≥ numSamples, that is e·T ≥ numSamples·seqLength + 1.
function countEpochs({ prefix, numTokens }: Corpus, seqLength: number, numSamples: number): number {
  if (numTokens === 0) throw new DataError(`${prefix}.idx: expected documents with tokens, found only empty ones`);
  const needed = numSamples * seqLength + 1;
  const numEpochs = Math.ceil(needed / numTokens);
  if (!Number.isSafeInteger(needed) || !Number.isSafeInteger(numEpochs * numTokens)) {
    throw new InputError(
      `${prefix}: ${numSamples} samples of ${seqLength} tokens are more than can be counted; take fewer training steps`,
    );
  }
  return numEpochs;
}

function packSamples(corpus: Corpus, documents: Int32Array, seqLength: number, S: number): Int32Array {
  const starts = new Int32Array(2 * (S + 1)); // sample 0 starts at (0, 0)
  let position = 0;
  let offset = 0;
  for (let sample = 1; sample <= S; sample++) {
    let remaining = seqLength + 1;
    for (;;) {
      const available = corpus.documentLength(documents[position]!) - offset;
      if (remaining <= available) {
        offset += remaining - 1; // the last token of a sample is the first of the next
        break;
      }
      remaining -= available;
      position += 1;
      offset = 0;
    }
    starts[2 * sample] = position;
    starts[2 * sample + 1] = offset;
  }
  return starts;
}
