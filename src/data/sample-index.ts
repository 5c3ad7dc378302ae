// Which tokens make which training sample when documents are packed: the three index arrays of GPT-NeoX v1.0
// (megatron/data/gpt2_dataset.py and helpers.cpp), rebuilt. Between dataset and replay.
// As there: all epochs are shuffled as one array, neighbouring samples share one token, and the tail that fills no sample is left out.
import { DataError, InputError } from '../errors.ts';
import { numpyRandom } from './numpy-random.ts';

/** Limits of the number types that hold the index: document positions are int32, sample numbers uint32. */
const MOST_POSITIONS = 2 ** 31 - 1;
const MOST_SAMPLES = 2 ** 32 - 3;
const CHUNK_SAMPLES = 2 ** 17; // 1 MiB of starts at a time

/** What fixes the order of samples, besides the corpus. */
export interface SampleOrder {
  readonly seqLength: number;
  /** Samples that the training asks for. */
  readonly numSamples: number;
  readonly seed: number;
}

export interface SampleIndexSize {
  readonly numEpochs: number;
  /** numEpochs · documents. */
  readonly numPositions: number;
  /** S: samples in those epochs, at least those asked for. */
  readonly numSamples: number;
}

/** The arrays in the order in which one random generator makes them; each is made when it is handed over, and not kept. */
export interface SampleIndexSink {
  /** [numPositions]: document at each position of the packed stream. */
  documents(values: Int32Array): void;
  /** [S + 1, 2] in pieces: position in `documents` and token in that document where each packed sample begins. */
  starts(pieces: Iterable<Int32Array>): void;
  /** [S]: packed sample that is read as the i-th training sample. */
  order(values: Uint32Array): void;
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
 * The sizes of the arrays for at least `numSamples` samples of seqLength + 1 tokens.
 * Throws DataError for a corpus without tokens, InputError when the arrays would exceed the format's own limits.
 */
export function sizeSampleIndex(
  corpus: Omit<Corpus, 'documentLength'>,
  { seqLength, numSamples }: SampleOrder,
): SampleIndexSize {
  const numEpochs = countEpochs(corpus, seqLength, numSamples);
  const S = Math.floor((numEpochs * corpus.numTokens - 1) / seqLength);
  const numPositions = numEpochs * corpus.numDocuments;
  if (numPositions > MOST_POSITIONS || S > MOST_SAMPLES) {
    throw new InputError(
      `${corpus.prefix}: ${numSamples} samples of ${seqLength} tokens need ${numEpochs} epochs of ${corpus.numDocuments} documents; ` +
        `expected at most ${MOST_POSITIONS} documents and ${MOST_SAMPLES} samples; take fewer training steps or a larger corpus`,
    );
  }
  return { numEpochs, numPositions, numSamples: S };
}

/**
 * Builds the arrays. At most one of the shuffled ones is in memory at a time (4 bytes a document, or a sample); the starts, twice as
 * large, never are. Throws as sizeSampleIndex does.
 */
export function buildSampleIndex(corpus: Corpus, order: SampleOrder, sink: SampleIndexSink): SampleIndexSize {
  const random = numpyRandom(order.seed);
  const size = sizeSampleIndex(corpus, order);
  const placeDocuments = (): void => {
    const documents = new Int32Array(size.numPositions);
    for (let i = 0; i < documents.length; i++) documents[i] = i % corpus.numDocuments;
    random.shuffle(documents); // before the order: both draw from one generator
    sink.documents(documents);
    sink.starts(packSamples(corpus, (position) => documents[position]!, order.seqLength, size.numSamples));
  };
  placeDocuments(); // a function, so that its array is free before the next is made
  const samples = new Uint32Array(size.numSamples);
  for (let i = 0; i < samples.length; i++) samples[i] = i;
  random.shuffle(samples);
  sink.order(samples);
  return size;
}

/**
 * Where each packed sample begins, [S + 1, 2], in pieces that are overwritten by the next; `documentAt` is asked for positions in rising
 * order.
 */
function* packSamples(
  corpus: Corpus,
  documentAt: (position: number) => number,
  seqLength: number,
  numSamples: number,
): Generator<Int32Array> {
  const piece = new Int32Array(2 * Math.min(CHUNK_SAMPLES, numSamples + 1));
  let position = 0;
  let offset = 0;
  let length = corpus.documentLength(documentAt(0));
  let filled = 2; // sample 0 starts at (0, 0)
  for (let sample = 1; sample <= numSamples; sample++) {
    let remaining = seqLength + 1;
    while (remaining > length - offset) {
      remaining -= length - offset;
      position += 1;
      offset = 0;
      length = corpus.documentLength(documentAt(position));
    }
    offset += remaining - 1; // the last token of a sample is the first of the next
    if (filled === piece.length) {
      yield piece;
      filled = 0;
    }
    piece[filled++] = position;
    piece[filled++] = offset;
  }
  yield piece.subarray(0, filled);
}

// The least e with ⌊(e·T − 1) / seqLength⌋ ≥ numSamples, that is e·T ≥ numSamples·seqLength + 1.
function countEpochs(
  { prefix, numTokens }: Omit<Corpus, 'documentLength'>,
  seqLength: number,
  numSamples: number,
): number {
  if (numTokens === 0) {
    throw new DataError(
      `${prefix}.idx, byte 34: expected documents with tokens, found only empty ones; fetch or build it anew`,
    );
  }
  const needed = numSamples * seqLength + 1;
  const numEpochs = Math.ceil(needed / numTokens);
  if (!Number.isSafeInteger(needed) || !Number.isSafeInteger(numEpochs * numTokens)) {
    throw new InputError(
      `${prefix}: ${numSamples} samples of ${seqLength} tokens are more than can be counted; take fewer training steps`,
    );
  }
  return numEpochs;
}
