// What a hub repository holds at a revision, by @huggingface/hub's own functions: which commit it is, and every file with size and hash. The
// library gets our patient, token-guarding fetch; its own would give up at the first failure and insists on tokens that begin with hf_.
import { datasetInfo, listFiles, modelInfo, type ListFileEntry } from '@huggingface/hub';
import { DataError } from '../../errors.ts';
import { checkFileName, type HubRepo } from './address.ts';
import { open, readBody, withRetries, type HubClient } from './request.ts';

export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** What the hub sends as ETag: the SHA-256 of a large file, the git blob id (SHA-1) of a small one. */
  readonly etag: string;
}

export interface Revision {
  /** The commit: 40 hex digits. */
  readonly commit: string;
  readonly files: readonly HubFile[];
}

const MOST_FILES = 20_000;
const MOST_ANSWER_BYTES = 64_000_000;

/**
 * Lists a revision. Throws NotFoundError, InputError (gated or private), TransientError, or DataError when the listing is not what a hub sends.
 */
export async function listRevision(client: HubClient, repo: HubRepo, revision: string): Promise<Revision> {
  const what = `${repo.repo} at ${revision}`;
  try {
    return await list(client, repo, revision, what);
  } catch (error) {
    // The library takes the answer's form for granted.
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw new DataError(`${what}: expected a listing as the hub sends it: ${error.message}`, { cause: error });
  }
}

async function list(client: HubClient, { kind, repo }: HubRepo, revision: string, what: string): Promise<Revision> {
  const common = { hubUrl: client.access.endpoint, fetch: patientFetch(client, what) };
  const wanted = { ...common, name: repo, revision };
  const { sha } =
    kind === 'models'
      ? await modelInfo({ ...wanted, additionalFields: ['sha'] })
      : await datasetInfo({ ...wanted, additionalFields: ['sha'] });
  if (!/^[0-9a-f]{40}$/.test(sha)) {
    throw new DataError(`${what}: expected a commit of 40 hex digits, found ${JSON.stringify(sha)}`);
  }
  const type = kind === 'models' ? ('model' as const) : ('dataset' as const);
  const files: HubFile[] = [];
  for await (const entry of listFiles({ ...common, repo: { type, name: repo }, revision: sha, recursive: true })) {
    if (entry.type !== 'file') continue;
    files.push(checkEntry(entry, what));
    if (files.length > MOST_FILES) throw new DataError(`${what}: expected at most ${MOST_FILES} files, found more`);
  }
  return { commit: sha, files };
}

function checkEntry({ path, size, oid, lfs }: ListFileEntry, what: string): HubFile {
  const name = checkFileName(String(path), what);
  const etag = lfs?.oid ?? oid ?? '';
  const isHash = lfs === undefined ? /^[0-9a-f]{40}$/.test(etag) : /^[0-9a-f]{64}$/.test(etag);
  if (!isHash || !Number.isSafeInteger(size) || size < 0 || (lfs !== undefined && lfs.size !== size)) {
    throw new DataError(`${what}: ${name}: expected its size and hash, found ${JSON.stringify({ size, oid, lfs })}`);
  }
  return { path: name, sizeBytes: size, etag };
}

// The whole body is read inside the retries, so that a cut in the middle of a listing is tried again, too.
function patientFetch(client: HubClient, what: string): typeof fetch {
  return (input) => {
    const url = input instanceof Request ? input.url : String(input);
    return withRetries(client, async () => {
      const { response } = await open(client, url, { accept: 'application/json' }, what);
      const pieces: Uint8Array[] = [];
      let numBytes = 0;
      for await (const piece of readBody(response, url, client.signal)) {
        numBytes += piece.length;
        if (numBytes > MOST_ANSWER_BYTES) throw new DataError(`${what}: the answer is longer than ${MOST_ANSWER_BYTES} bytes`);
        pieces.push(piece);
      }
      return new Response(Buffer.concat(pieces), { status: response.status, headers: response.headers });
    });
  };
}
