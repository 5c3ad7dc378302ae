// One small published file of known size and SHA-256, whole or not at all. It fits into memory and comes in one answer; what must go on after a
// stop is downloadFile's (download.ts), which also takes an ETag of 64 digits for a hash: other servers' are none.
import { createHash } from 'node:crypto';
import { Interruption } from '../../data/web-failures.ts';
import { DataError } from '../../errors.ts';
import { discard, open, readBody, withRetries, type HubClient } from './request.ts';

export interface PinnedFile {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * The file's bytes, which have its SHA-256. `onBytes` is told how many more are here, a negative number when an attempt was in vain. Throws
 * DataError for other bytes, TransientError when the retries are used up, and what open() throws.
 */
export async function fetchPinned(
  client: HubClient,
  file: PinnedFile,
  onBytes: (numBytes: number) => void,
): Promise<Buffer> {
  const bytes = await withRetries(client, () => fetchOnce(client, file, onBytes));
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found === file.sha256) return bytes;
  throw changed(file, `SHA-256 ${found}`);
}

async function fetchOnce(
  client: HubClient,
  file: PinnedFile,
  onBytes: (numBytes: number) => void,
): Promise<Buffer> {
  const { url, name, sizeBytes } = file;
  const { response } = await open(client, url, { 'accept-encoding': 'identity' }, name);
  const length = response.headers.has('content-encoding') ? null : response.headers.get('content-length');
  if (length !== null && Number(length) !== sizeBytes) {
    discard(response);
    throw changed(file, `${length} bytes`);
  }
  const pieces: Uint8Array[] = [];
  let done = 0;
  try {
    for await (const piece of readBody(response, url, client.signal)) {
      pieces.push(piece);
      done += piece.length;
      onBytes(piece.length);
      if (done > sizeBytes) throw changed(file, `at least ${done} bytes`);
    }
    if (done < sizeBytes) throw new Interruption(`${name}: the answer ended ${sizeBytes - done} bytes early`);
  } catch (error) {
    onBytes(-done);
    throw error;
  }
  return Buffer.concat(pieces);
}

function changed({ name, url, sizeBytes, sha256 }: PinnedFile, found: string): DataError {
  return new DataError(
    `${name} at ${url}: expected ${sizeBytes} bytes of SHA-256 ${sha256}, found ${found}: it is not the file that was published, and nothing is taken`,
  );
}
