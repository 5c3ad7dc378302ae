// A file on a web server, of which only the blocks that are needed are fetched and kept in a folder. Dataset end of the road.
// Fetching is asynchronous and goes before; reading is synchronous, from the kept blocks. FOLDER/NAME-HASH/ holds file.json (size and
// version) and VERSION-SIZE/NUMBER.block, so that blocks of two versions never meet: the SHA-256 of the block's bytes (32 bytes), then
// the bytes.
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, messageOf } from '../errors.ts';
import type { ByteFile, ByteRange } from './byte-file.ts';
import { fetchRange, PATIENT, type FileIdentity, type HttpAccess, type RetrySettings } from './http-range.ts';
import { shownUrl } from './web-failures.ts';

export interface RemoteSettings {
  /** Where blocks are kept; it may serve several processes at once. */
  readonly folder: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly report?: (words: string) => void;
  readonly retry?: Partial<RetrySettings>;
}

const HASH_BYTES = 32;
/** Requests under way at once. */
const MOST_REQUESTS = 6;

export function isUrl(prefix: string): boolean {
  return /^https?:\/\//.test(prefix);
}

/** Size and version of a file, asked of the server (one byte is fetched) and kept, or as kept before. Throws as fetchRange does. */
export async function identifyRemoteFile(url: string, settings: RemoteSettings): Promise<FileIdentity> {
  const kept = knownIdentity(url, settings);
  if (kept !== undefined) return kept;
  const { identity } = await fetchRange(url, 0, 1, undefined, httpAccess(settings));
  await writeWhole(join(folderOf(url, settings), 'file.json'), [Buffer.from(`${JSON.stringify(identity)}\n`)]);
  return identity;
}

/** What is kept of a file's identity; undefined when it was never asked for. Throws DataError for a damaged record. */
export function knownIdentity(url: string, settings: RemoteSettings): FileIdentity | undefined {
  const path = join(folderOf(url, settings), 'file.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined; // never asked for
  }
  try {
    const kept = JSON.parse(text) as FileIdentity;
    if (kept.url !== url || !Number.isSafeInteger(kept.sizeBytes) || typeof kept.version !== 'string')
      throw new Error(text);
    return kept;
  } catch (error) {
    throw new DataError(`${path}: expected url, sizeBytes and version: ${messageOf(error)}; delete its folder`, {
      cause: error,
    });
  }
}

/**
 * A file whose size is known; nothing is asked of the server before the first fetch. `read` throws DataError for bytes that were not
 * fetched.
 */
export function openRemoteFile(url: string, sizeBytes: number, blockBytes: number, settings: RemoteSettings): ByteFile {
  const blocks = new Blocks(url, sizeBytes, blockBytes, settings);
  const path = shownUrl(url);
  return {
    path,
    sizeBytes,
    read(into, offset) {
      if (offset + into.length > sizeBytes) {
        const found = `expected bytes ${offset} to ${offset + into.length}, found a file of ${sizeBytes}`;
        throw new DataError(`${path}: ${found}; it is of another index`);
      }
      for (let at = offset; at < offset + into.length;) {
        const number = Math.floor(at / blockBytes);
        const upTo = Math.min((number + 1) * blockBytes, offset + into.length);
        blocks.read(number, at - number * blockBytes, into.subarray(at - offset, upTo - offset));
        at = upTo;
      }
    },
    where: (offset) => `${path}, byte ${offset}`,
    fetch: (ranges) => blocks.fetch(ranges),
    fingerprint: () => `${sizeBytes} bytes, version ${knownIdentity(url, settings)?.version ?? 'unknown'}`,
    close: () => undefined, // no descriptor is kept
  };
}

class Blocks {
  readonly #url: string;
  readonly #sizeBytes: number;
  readonly #blockBytes: number;
  readonly #settings: RemoteSettings;
  /** What this file is for as long as it is open, once it is known. */
  #identity: FileIdentity | undefined;
  /** Blocks whose SHA-256 was right in this process: from then on only the bytes wanted are read. */
  readonly #verified = new Set<number>();

  constructor(url: string, sizeBytes: number, blockBytes: number, settings: RemoteSettings) {
    this.#url = url;
    this.#sizeBytes = sizeBytes;
    this.#blockBytes = blockBytes;
    this.#settings = settings;
    this.#identity = knownIdentity(url, settings);
  }

  /** Fills `into` from byte `within` of a block. */
  read(number: number, within: number, into: Buffer): void {
    if (!this.#verified.has(number)) this.#verify(number);
    const path = this.#path(number);
    let found = 0;
    try {
      found = readStored(path, into, HASH_BYTES + within);
    } catch (error) {
      throw new DataError(
        `${path}: expected a fetched block: ${messageOf(error)}; was the folder emptied? start again`,
        { cause: error },
      );
    }
    if (found !== into.length)
      throw new DataError(`${path}, byte ${HASH_BYTES + within}: expected ${into.length} bytes, found ${found}`);
  }

  /** Brings the blocks of these ranges here, several at once; those that are here and whole stay. */
  async fetch(ranges: readonly ByteRange[]): Promise<void> {
    const touched = new Set<number>();
    for (const { offset, sizeBytes } of ranges) {
      for (
        let number = Math.floor(offset / this.#blockBytes);
        number * this.#blockBytes < offset + sizeBytes;
        number++
      ) {
        touched.add(number);
      }
    }
    const wanted = [...touched].filter((number) => !this.#isHere(number));
    if (wanted.length === 0) return;
    const identity = await this.#identify();
    const stop = new AbortController();
    const next = wanted.values();
    const workers = Array.from({ length: Math.min(MOST_REQUESTS, wanted.length) }, async () => {
      for (const number of next) await this.#fetchBlock(number, identity, stop.signal);
    });
    await Promise.all(workers.map((worker) => worker.catch((error: unknown) => stop.abort(error)))); // the first reason stays
    stop.signal.throwIfAborted();
  }

  #isHere(number: number): boolean {
    if (this.#verified.has(number)) return true;
    const state = this.#check(number);
    if (state === 'damaged') this.#settings.report?.(`${this.#path(number)}: the block is damaged and is fetched anew`);
    if (state === 'whole') this.#verified.add(number);
    return state === 'whole';
  }

  #verify(number: number): void {
    const state = this.#check(number);
    if (state === 'whole') return void this.#verified.add(number);
    const place = `${shownUrl(this.#url)}, byte ${number * this.#blockBytes}`;
    const path = this.#path(number);
    if (state === 'missing') {
      throw new DataError(
        `${place}: expected fetched bytes in ${path}, found no such file; was the folder emptied? start again`,
      );
    }
    throw new DataError(
      `${path}, byte 0: expected the SHA-256 of its bytes (${place}), found another; delete it, it is fetched anew`,
    );
  }

  /** The identity, which must have the size that the index or the neighbouring shards tell of. */
  async #identify(): Promise<FileIdentity> {
    this.#identity ??= await identifyRemoteFile(this.#url, this.#settings);
    const found = this.#identity.sizeBytes;
    if (found === this.#sizeBytes) return this.#identity;
    throw new DataError(
      `${shownUrl(this.#url)}, byte ${Math.min(found, this.#sizeBytes)}: expected ${this.#sizeBytes} bytes by the index, found ${found}; ` +
        'it is of another index',
    );
  }

  async #fetchBlock(number: number, identity: FileIdentity, signal: AbortSignal): Promise<void> {
    const offset = number * this.#blockBytes;
    const length = this.#length(number);
    const { bytes } = await fetchRange(this.#url, offset, length, identity, httpAccess(this.#settings), signal);
    await writeWhole(this.#path(number), [createHash('sha256').update(bytes).digest(), bytes]);
    this.#verified.add(number);
  }

  #check(number: number): 'whole' | 'missing' | 'damaged' {
    const length = this.#length(number);
    const stored = Buffer.allocUnsafeSlow(HASH_BYTES + length + 1); // one more tells a file that is too long
    try {
      if (readStored(this.#path(number), stored, 0) !== HASH_BYTES + length) return 'damaged';
    } catch {
      return 'missing';
    }
    const hash = createHash('sha256')
      .update(stored.subarray(HASH_BYTES, HASH_BYTES + length))
      .digest();
    return hash.equals(stored.subarray(0, HASH_BYTES)) ? 'whole' : 'damaged';
  }

  #length(number: number): number {
    return Math.min(this.#blockBytes, this.#sizeBytes - number * this.#blockBytes);
  }

  #path(number: number): string {
    const version = hashWord(this.#identity?.version ?? 'unknown');
    const folder = join(folderOf(this.#url, this.#settings), `${version}-${this.#blockBytes}`);
    return join(folder, `${String(number).padStart(7, '0')}.block`);
  }
}

/** Bytes read into a buffer from a place of a file; fewer than fit when it ends before. */
function readStored(path: string, into: Buffer, offset: number): number {
  const descriptor = openSync(path, 'r');
  try {
    let done = 0;
    for (let got = -1; got !== 0 && done < into.length; done += got) {
      got = readSync(descriptor, into, done, into.length - done, offset + done);
    }
    return done;
  } finally {
    closeSync(descriptor);
  }
}

function hashWord(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function folderOf(url: string, { folder }: RemoteSettings): string {
  const name = new URL(url).pathname.split('/').at(-1) ?? '';
  return join(folder, `${name}-${hashWord(url)}`);
}

function httpAccess({ headers = {}, report = () => undefined, retry }: RemoteSettings): HttpAccess {
  return { headers, report, retry: { ...PATIENT, ...retry } };
}

async function writeWhole(path: string, chunks: readonly Buffer[]): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writev(chunks);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
