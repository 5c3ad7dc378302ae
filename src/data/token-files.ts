// The .idx and .bin of a token file, wherever they lie: beside each other on a disk, or behind a URL, of which only what is read is
// fetched. First stop of the road: a prefix → two files of bytes.
import { join } from 'node:path';
import { DataError, InputError, NotFoundError } from '../errors.ts';
import { joinFiles, openLocalFile, type ByteFile, type ByteRange } from './byte-file.ts';
import type { FileIdentity, RetrySettings } from './http-range.ts';
import { identifyRemoteFile, isUrl, knownIdentity, openRemoteFile, type RemoteSettings } from './remote-file.ts';
import type { NumberTable } from './number-table.ts';
import { bytesPresent, layOutShards, missingShards, openLocalTokens, shardPath } from './shards.ts';
import { INDEX_HEADER_BYTES, lengthOf, readTokenIndex } from './token-index.ts';
import { itemBytes } from './token-type.ts';

/** How files are reached and where what is made of them is kept; nothing of it decides what a step sees. */
export interface DataAccess {
  /** Where index arrays and fetched blocks of this dataset are kept; needed for a URL. */
  readonly cacheFolder?: string;
  /** Sent to the server of a URL, for example { authorization: 'Bearer …' }; never written anywhere. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Is told in words what is waited for or mended. */
  readonly report?: (words: string) => void;
  readonly retry?: Partial<RetrySettings>;
}

export interface TokenPlace {
  /** Path or URL of the .bin and .idx without their endings. */
  readonly prefix: string;
  /** For a URL whose .bin lies in shards: the number at the end of their names, 20 for NAME-00000-of-00020.bin. */
  readonly shards?: number;
  /** Rows are read one after another, documents here and there: so much is fetched at once. */
  readonly isInRows: boolean;
}

export interface TokenFiles {
  readonly idx: ByteFile;
  /** The size of the .bin, as far as it is here; undefined for remote shards. */
  readonly binBytes: (() => number) | undefined;
  /** The .bin, which has `expectedBytes` by the index. Throws DataError. */
  openBin(expectedBytes: number): ByteFile;
}

const INDEX_BLOCK_BYTES = 2 ** 22;
const ROWS_BLOCK_BYTES = 2 ** 22;
/** A sample of packed documents needs a few kilobytes here and there. */
const DOCUMENTS_BLOCK_BYTES = 2 ** 16;

/** The files of a prefix; the caller closes what it opens. Throws DataError. A URL must have been prepared. */
export function openTokenFiles(place: TokenPlace, access: DataAccess): TokenFiles {
  return isUrl(place.prefix) ? remoteFiles(place, access) : localFiles(place);
}

/**
 * Fetches what `openTokenFiles` and opening a dataset read of a URL: of rows the header and the outer entries of the index, of
 * documents the whole index; of the .bin one byte, for its size. Nothing to do for local files. Throws as fetchRange does.
 */
export async function prepareTokenFiles(place: TokenPlace, access: DataAccess): Promise<void> {
  const { prefix, shards, isInRows } = place;
  if (!isUrl(prefix)) return;
  const settings = remoteSettings(prefix, access);
  const { sizeBytes } = await identifyRemoteFile(addEnding(prefix, '.idx'), settings);
  const idx = openRemoteFile(addEnding(prefix, '.idx'), sizeBytes, INDEX_BLOCK_BYTES, settings);
  try {
    await idx.fetch([{ offset: 0, sizeBytes: isInRows ? Math.min(sizeBytes, INDEX_HEADER_BYTES) : sizeBytes }]);
    const { lengths, pointers, boundaries } = readTokenIndex(idx, () => 0);
    const ends = [lengths, pointers, boundaries].filter(({ count }) => count > 0);
    await idx.fetch(ends.flatMap((table) => [entryAt(table, 0), entryAt(table, table.count - 1)]));
  } finally {
    idx.close();
  }
  await identifyRemoteFile(shards === undefined ? addEnding(prefix, '.bin') : remoteShard(prefix, 0, shards), settings);
}

/**
 * What tells the files behind a URL from changed ones: the .idx, then the .bin or those of its shards that are there. A byte of each is
 * fetched when it was not before. Throws as prepareTokenFiles does.
 */
export async function identifyTokenFiles(place: TokenPlace, access: DataAccess): Promise<FileIdentity[]> {
  await prepareTokenFiles(place, access);
  const settings = remoteSettings(place.prefix, access);
  const { idx, binBytes } = remoteFiles(place, access);
  const index = readTokenIndex(idx, binBytes);
  const last = index.numDocuments - 1;
  const expectedBytes = index.pointers.int64(last) + lengthOf(index, last) * itemBytes(index.type);
  const urls = remoteParts(place, expectedBytes, settings).map(({ path }) => path);
  const found = [addEnding(place.prefix, '.idx'), ...urls].map((url) =>
    identifyRemoteFile(url, settings).catch((error: unknown) => {
      if (error instanceof NotFoundError) return undefined; // missed when a step needs it
      throw error;
    }),
  );
  return (await Promise.all(found)).filter((identity) => identity !== undefined);
}

/** Files of the .bin that are not there, or not as they should be, in words; asks a server for the size of each. */
export async function findMissing(place: TokenPlace, expectedBytes: number, access: DataAccess): Promise<string[]> {
  if (!isUrl(place.prefix)) return missingShards(place.prefix, expectedBytes);
  const settings = remoteSettings(place.prefix, access);
  const wrong: string[] = [];
  for (const { path, sizeBytes } of remoteParts(place, expectedBytes, settings)) {
    try {
      const found = await identifyRemoteFile(path, settings);
      if (found.sizeBytes !== sizeBytes) wrong.push(`${path} (expected ${sizeBytes} bytes, found ${found.sizeBytes})`);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      wrong.push(path);
    }
  }
  return wrong;
}

function entryAt(table: NumberTable, entry: number): ByteRange {
  return { offset: table.placeOf(entry), sizeBytes: table.width };
}

function localFiles({ prefix }: TokenPlace): TokenFiles {
  return {
    idx: openLocalFile(`${prefix}.idx`),
    binBytes: () => bytesPresent(prefix),
    openBin: (expectedBytes) => openLocalTokens(prefix, expectedBytes),
  };
}

function remoteFiles(place: TokenPlace, access: DataAccess): TokenFiles {
  const settings = remoteSettings(place.prefix, access);
  const idx = addEnding(place.prefix, '.idx');
  const blockBytes = place.isInRows ? ROWS_BLOCK_BYTES : DOCUMENTS_BLOCK_BYTES;
  return {
    idx: openRemoteFile(idx, preparedSize(idx, settings), INDEX_BLOCK_BYTES, settings),
    binBytes: place.shards === undefined ? () => preparedSize(addEnding(place.prefix, '.bin'), settings) : undefined,
    openBin(expectedBytes) {
      const parts = remoteParts(place, expectedBytes, settings).map((part) => ({
        ...part,
        file: openRemoteFile(part.path, part.sizeBytes, blockBytes, settings),
      }));
      return joinFiles(addEnding(place.prefix, '.bin'), parts);
    },
  };
}

/** Where the parts of a remote .bin lie in the whole. */
function remoteParts({ prefix, shards }: TokenPlace, expectedBytes: number, settings: RemoteSettings) {
  if (shards === undefined) {
    const path = addEnding(prefix, '.bin');
    return [{ path, start: 0, sizeBytes: preparedSize(path, settings) }];
  }
  const first = remoteShard(prefix, 0, shards);
  const common = preparedSize(first, settings);
  const [url, query] = splitQuery(prefix);
  const parts = common > 0 ? layOutShards(url, shards, common, expectedBytes) : undefined;
  if (parts === undefined) {
    throw new DataError(
      `${first}, byte 0: the index tells of ${expectedBytes} bytes, which is ${Math.ceil(expectedBytes / common)} shards of ${common} bytes (the first); ` +
        `the names tell of ${shards}; give the number at the end of the shards' names`,
    );
  }
  return parts.map((part) => ({ ...part, path: part.path + query }));
}

function preparedSize(url: string, settings: RemoteSettings): number {
  const identity = knownIdentity(url, settings);
  if (identity === undefined) throw new Error(`bug: ${url} was not prepared before it was opened`);
  return identity.sizeBytes;
}

function remoteSettings(prefix: string, { cacheFolder, headers, report, retry }: DataAccess): RemoteSettings {
  if (cacheFolder === undefined)
    throw new InputError(`${prefix}: expected a cache folder for what is fetched; name one (--cache)`);
  return {
    folder: join(cacheFolder, 'blocks'),
    ...(headers && { headers }),
    ...(report && { report }),
    ...(retry && { retry }),
  };
}

/** An ending goes before the query: https://host/document?download=true → https://host/document.idx?download=true. */
function addEnding(prefix: string, ending: string): string {
  const [url, query] = splitQuery(prefix);
  return url + ending + query;
}

function remoteShard(prefix: string, number: number, of: number): string {
  const [url, query] = splitQuery(prefix);
  return shardPath(url, number, of) + query;
}

function splitQuery(prefix: string): [url: string, query: string] {
  const at = prefix.indexOf('?');
  return at < 0 ? [prefix, ''] : [prefix.slice(0, at), prefix.slice(at)];
}
