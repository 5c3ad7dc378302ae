// Samples cut out of packed and shuffled documents, as GPT-NeoX v1.0 does (megatron/data/gpt2_dataset.py). Between dataset and replay: token
// files and index arrays → the tokens of a training sample.
import { DataError } from '../errors.ts';
import { makeCacheFolder, openIndexMaps, sealPath, type IndexMaps } from './index-maps.ts';
import { openTokens, type IndexedDataset } from './indexed-dataset.ts';
import type { Corpus, SampleOrder } from './sample-index.ts';
import { isSealed, readSeal, writeSeal } from './seal.ts';
import type { DataAccess, TokenPlace } from './token-files.ts';
import { checkTokenIndex } from './token-index.ts';
import type { TokenType } from './token-type.ts';

export interface PackedSamples {
  readonly tokenType: TokenType;
  /** Writes the seqLength + 1 tokens of the i-th training sample to `into[at …]`. Throws DataError. */
  read(i: number, into: Int32Array, at: number): void;
  /** Brings the bytes of these training samples here. */
  fetch(first: number, count: number): Promise<void>;
  close(): void;
}

/**
 * Opens token files and their index arrays, which are built where there are none; what the cache folder's seal has as checked is not checked
 * again. The caller closes them. Throws DataError and InputError.
 */
export function openPackedSamples(place: TokenPlace, order: SampleOrder, access: DataAccess): PackedSamples {
  const path = access.cacheFolder === undefined ? undefined : sealPath(access.cacheFolder, place.prefix, order);
  const seal = path === undefined ? undefined : readSeal(path);
  let isIndexSealed = false;
  const files = openTokens(place, access, (index) => {
    isIndexSealed = isSealed(seal, index.file);
    return seal !== undefined && isIndexSealed ? seal.numTokens : checkTokenIndex(index);
  });
  let maps: IndexMaps | undefined;
  try {
    maps = openIndexMaps(withLengths(files), order, access.cacheFolder, isIndexSealed ? seal : undefined);
    const checked = [files.index.file, ...maps.files];
    if (path !== undefined && !checked.every((file) => isSealed(seal, file))) {
      makeCacheFolder(path);
      writeSeal(path, files.numTokens, checked);
    }
    return cutSamples(files, maps, order.seqLength + 1);
  } catch (error) {
    files.close();
    maps?.close();
    throw error;
  }
}

function cutSamples(files: IndexedDataset, maps: IndexMaps, rowLength: number): PackedSamples {
  return {
    tokenType: files.type,
    read(i, into, at) {
      let done = 0;
      for (const [document, from, numTokens] of piecesOf(files, maps, i, rowLength)) {
        files.readTokens(document, from, numTokens, into, at + done);
        done += numTokens;
      }
    },
    fetch(first, count) {
      const pieces = Array.from({ length: count }, (_, i) => piecesOf(files, maps, first + i, rowLength)).flat();
      return files.fetchBytes(pieces.map((piece) => files.bytesOf(...piece)));
    },
    close() {
      files.close();
      maps.close();
    },
  };
}

type Piece = readonly [document: number, from: number, numTokens: number];

/** The stretches of documents that make a training sample, in order. */
function piecesOf(files: IndexedDataset, maps: IndexMaps, i: number, rowLength: number): Piece[] {
  let [position, from] = maps.startOf(maps.sampleAt(i));
  const pieces: Piece[] = [];
  for (let at = 0; at < rowLength; position++) {
    if (position >= maps.numPositions) throw pastEnd(maps, i);
    const document = maps.documentAt(position);
    const length = files.documentLength(document);
    if (from > length) throw pastEnd(maps, i);
    const numTokens = Math.min(rowLength - at, length - from);
    if (numTokens > 0) pieces.push([document, from, numTokens]);
    at += numTokens;
    from = 0;
  }
  return pieces;
}

function pastEnd(maps: IndexMaps, i: number): DataError {
  const path = maps.files.map((file) => file.path).join(', ');
  return new DataError(
    `${path}: training sample ${i} lies beyond the documents: index or index arrays were changed after they were checked; ` +
      'delete the three files and the one named _checked.json beside them, they are built anew',
  );
}

/** The corpus with all lengths in memory from the first that is asked for: building and checking read them in random order. */
function withLengths({ prefix, index, numDocuments, numTokens }: IndexedDataset): Corpus {
  let lengths: Int32Array | undefined;
  const load = (): Int32Array => {
    const loaded = new Int32Array(numDocuments);
    index.lengths.forEachChunk((first, bytes, count) => {
      loaded.set(new Int32Array(bytes.buffer, bytes.byteOffset, count), first);
    });
    return loaded;
  };
  // The builder's numbers are documents.
  return { prefix, numDocuments, numTokens, documentLength: (document) => (lengths ??= load())[document]! };
}
