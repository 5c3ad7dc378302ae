// One file of the hub → a file here that has the size and hash of the hub's listing, or none. Large files come as several byte ranges at once; what
// has arrived is kept under a temporary name, with a journal beside it, so that a download that was stopped goes on where it was.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, open as openFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { Interruption } from '../../data/web-failures.ts';
import { ConflictError, DataError, InputError } from '../../errors.ts';
import type { HubFile } from './repository.ts';
import { discard, open, readBody, withRetries, type HubClient } from './request.ts';

const SEGMENT_BYTES = 32 * 2 ** 20;
const PARALLEL = 4;
/** What a process that is killed has to fetch again at most. */
const JOURNAL_EVERY_BYTES = 64 * 2 ** 20;

const journalFile = z.object({
  etag: z.string(),
  sizeBytes: z.int().min(0),
  segmentBytes: z.int().min(1),
  /** Bytes that arrived of each segment, from its start. */
  done: z.array(z.int().min(0)),
  /** The process that is fetching; null once it has stopped. */
  pid: z.int().nullable(),
});

interface Journal {
  readonly etag: string;
  readonly sizeBytes: number;
  readonly segmentBytes: number;
  readonly done: number[];
}

export interface DownloadOptions {
  /** Is told how many more bytes are here: those of an earlier attempt first. */
  readonly onBytes: (numBytes: number) => void;
  readonly segmentBytes?: number;
}

/**
 * Fetches `url` into the file `to`, which appears complete and checked. What had arrived stays for the next call when this one is stopped, unless it
 * turns out wrong. Throws DataError for wrong bytes, TransientError when the retries are used up, and what open() throws.
 */
export async function downloadFile(
  client: HubClient,
  url: string,
  file: HubFile,
  to: string,
  { onBytes, segmentBytes = SEGMENT_BYTES }: DownloadOptions,
): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const partial = partialPath(to);
  const journal = startJournal(partial, file, segmentBytes);
  onBytes(sum(journal.done));
  const handle = await openFile(partial, existsSync(partial) ? 'r+' : 'w+');
  try {
    await handle.truncate(file.sizeBytes);
    writeJournal(partial, journal, process.pid);
    await fetchSegments(client, url, file, handle, journal, onBytes, () => writeJournal(partial, journal, process.pid));
    await handle.sync();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    throw new InputError(`${to}: the disk is full; what has arrived is kept: make room and try again`, { cause: error });
  } finally {
    await handle.close();
    writeJournal(partial, journal, null);
  }
  const found = await hashFile(partial, file);
  if (found !== file.etag) {
    await discardPartial(to);
    throw new DataError(
      `${to}: expected ${hashName(file)} ${file.etag} as the hub lists it, found ${found} in ${file.sizeBytes} bytes; they are thrown away. ` +
        'Try again; if it happens again, something between here and the hub changes files',
    );
  }
  await rename(partial, to);
  await rm(journalPath(partial), { force: true });
}

/** Bytes of an earlier attempt that downloadFile would go on from. */
export function bytesOfPartial(to: string, { etag, sizeBytes }: HubFile): number {
  const journal = readJournal(partialPath(to));
  return journal?.etag === etag && journal.sizeBytes === sizeBytes ? sum(journal.done) : 0;
}

/**
 * The hash of a file in the form of its ETag on the hub: SHA-256, or git's blob id when that is one of 40 digits.
 */
export async function hashFile(path: string, { etag }: Pick<HubFile, 'etag'>): Promise<string> {
  const hash = createHash(etag.length === 40 ? 'sha1' : 'sha256');
  if (etag.length === 40) hash.update(`blob ${statSync(path).size}\0`);
  for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

// Not NAME.incomplete: Hugging Face's Python client takes that name for a file whose first bytes are all there, and would finish ours with its holes.
function partialPath(to: string): string {
  return `${to}.tiresias-partial`;
}

function journalPath(partial: string): string {
  return `${partial}.json`;
}

async function discardPartial(to: string): Promise<void> {
  await rm(partialPath(to), { force: true });
  await rm(journalPath(partialPath(to)), { force: true });
}

function startJournal(partial: string, { etag, sizeBytes }: HubFile, segmentBytes: number): Journal {
  const earlier = readJournal(partial);
  if (earlier?.pid !== undefined && earlier.pid !== null && earlier.pid !== process.pid && isRunning(earlier.pid)) {
    throw new ConflictError(`${partial}: process ${earlier.pid} is fetching it; wait for its end, or stop it`);
  }
  if (earlier?.etag === etag && earlier.sizeBytes === sizeBytes) return earlier;
  rmSync(partial, { force: true }); // of another version of the file, or one of which nothing is known
  const numSegments = Math.ceil(sizeBytes / segmentBytes);
  return { etag, sizeBytes, segmentBytes, done: new Array<number>(numSegments).fill(0) };
}

function readJournal(partial: string): (Journal & { readonly pid: number | null }) | undefined {
  if (!existsSync(partial) || !existsSync(journalPath(partial))) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(journalPath(partial), 'utf8'));
  } catch {
    return undefined; // the process ended while it wrote
  }
  const { data } = journalFile.safeParse(value);
  const isWhole =
    data !== undefined &&
    data.done.length === Math.ceil(data.sizeBytes / data.segmentBytes) &&
    data.done.every((done, index) => done <= lengthOf(data, index)) &&
    statSync(partial).size === data.sizeBytes;
  return isWhole ? data : undefined;
}

function writeJournal(partial: string, journal: Journal, pid: number | null): void {
  writeFileSync(journalPath(partial), JSON.stringify({ ...journal, pid }));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // of another user at most, who would not fetch into this folder
  }
}

function lengthOf({ sizeBytes, segmentBytes }: Pick<Journal, 'sizeBytes' | 'segmentBytes'>, index: number): number {
  return Math.min(segmentBytes, sizeBytes - index * segmentBytes);
}

async function fetchSegments(
  client: HubClient,
  url: string,
  file: HubFile,
  handle: FileHandle,
  journal: Journal,
  onBytes: (numBytes: number) => void,
  save: () => void,
): Promise<void> {
  const stop = new AbortController();
  const passOn = () => stop.abort(client.signal.reason);
  client.signal.addEventListener('abort', passOn, { once: true });
  const own = { ...client, signal: stop.signal };
  const waiting = journal.done.flatMap((done, index) => (done < lengthOf(journal, index) ? [index] : []));
  let unsaved = 0;
  const count = (numBytes: number) => {
    onBytes(numBytes);
    unsaved += numBytes;
    if (unsaved < JOURNAL_EVERY_BYTES) return;
    unsaved = 0;
    save();
  };
  const work = async () => {
    for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
      await fetchSegment(own, url, file, handle, journal, index, count);
    }
  };
  const workers = Array.from({ length: PARALLEL }, () =>
    work().catch((error: unknown) => {
      stop.abort(error); // the others' signal: the first failure is the one that is told
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  client.signal.removeEventListener('abort', passOn);
  client.signal.throwIfAborted();
  if (stop.signal.aborted) throw stop.signal.reason;
}

function fetchSegment(
  client: HubClient,
  url: string,
  file: HubFile,
  handle: FileHandle,
  journal: Journal,
  index: number,
  count: (numBytes: number) => void,
): Promise<void> {
  const length = lengthOf(journal, index);
  const begin = index * journal.segmentBytes;
  const attempt = async () => {
    const from = begin + journal.done[index]!; // a segment has its entry
    const { response, etag, linkedSize } = await open(
      client,
      url,
      { range: `bytes=${from}-${begin + length - 1}`, 'accept-encoding': 'identity' },
      file.path,
    );
    try {
      checkUnchanged(file, etag, linkedSize);
      if (response.status === 200 && length === file.sizeBytes) {
        count(-journal.done[index]!); // a server without ranges begins anew, which a small file may
        journal.done[index] = 0;
      } else checkRange(response, file, from, begin + length);
    } catch (error) {
      discard(response);
      throw error;
    }
    for await (const piece of readBody(response, url, client.signal)) {
      const room = length - journal.done[index]!;
      if (piece.length > room) {
        throw new DataError(`${file.path}: expected ${room} more bytes of this range, found at least ${piece.length}`);
      }
      await writeAll(handle, piece, begin + journal.done[index]!);
      journal.done[index]! += piece.length;
      count(piece.length);
    }
    const missing = length - journal.done[index]!;
    if (missing > 0) throw new Interruption(`${file.path}: the answer ended ${missing} bytes early`);
  };
  return withRetries(client, attempt, () => journal.done[index]!);
}

// A mirror may send an ETag of its own: only one in the hub's form says something; the hash decides in the end.
function checkUnchanged({ path, etag, sizeBytes }: HubFile, found: string | undefined, size: number | undefined): void {
  const isOther = found !== undefined && found.length === etag.length && /^[0-9a-f]+$/.test(found) && found !== etag;
  if (isOther || (size !== undefined && size !== sizeBytes)) {
    throw new DataError(
      `${path}: expected ${etag} of ${sizeBytes} bytes as listed, found ${found ?? 'no ETag'} of ${size ?? 'unknown'} bytes: it was changed ` +
        'meanwhile; try again',
    );
  }
}

function checkRange(response: Response, { path, sizeBytes }: HubFile, from: number, to: number): void {
  const range = response.headers.get('content-range');
  if (response.status === 206 && range === `bytes ${from}-${to - 1}/${sizeBytes}`) return;
  if (response.status === 200) {
    throw new InputError(`${path}: the endpoint sends whole files only, not the bytes asked for; use the hub or another mirror`);
  }
  throw new DataError(`${path}: expected bytes ${from}-${to - 1}/${sizeBytes}, found "${range ?? 'no Content-Range'}"`);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

function hashName({ etag }: HubFile): string {
  return etag.length === 40 ? 'git blob id' : 'SHA-256';
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
