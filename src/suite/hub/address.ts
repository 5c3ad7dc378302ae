// Names and addresses on a hub in Hugging Face's form, as pure functions: file URLs, hf:// addresses, and whether a file's name can be trusted.
import { DataError, InputError } from '../../errors.ts';

export interface HubRepo {
  readonly kind: 'models' | 'datasets';
  /** ORG/NAME. */
  readonly repo: string;
}

export interface HubFileAddress extends HubRepo {
  /** A branch, tag or commit. */
  readonly revision: string;
  /** With `/` between folders. */
  readonly path: string;
}

/** The URL that serves a file's bytes, perhaps by a redirect; `endpoint` has no slash at its end. */
export function hubFileUrl({ kind, repo, revision, path }: HubFileAddress, endpoint: string): string {
  const folder = kind === 'datasets' ? 'datasets/' : '';
  const segments = path.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${folder}${repo}/resolve/${encodeURIComponent(revision)}/${segments}`;
}

/**
 * Parses hf://datasets/ORG/NAME[@revision]/path, or hf://[models/]ORG/NAME[@revision]/path; the revision defaults to main, and a slash
 * in it is written %2F. Throws InputError that says what is wrong.
 */
export function parseHubAddress(text: string): HubFileAddress {
  const expected = `expected hf://datasets/ORG/NAME[@revision]/path or hf://ORG/NAME[@revision]/path, found "${text}"`;
  const match = /^hf:\/\/(?:(datasets|models)\/)?([^/@]+\/[^/@]+)(?:@([^/]+))?\/(.+)$/.exec(text);
  const [, kind, repo, encodedRevision, path] = match ?? [];
  if (repo === undefined || path === undefined || !/^[\w.-]+\/[\w.-]+$/.test(repo)) throw new InputError(expected);
  try {
    const revision = encodedRevision === undefined ? 'main' : decodeURIComponent(encodedRevision);
    return { kind: kind === 'datasets' ? 'datasets' : 'models', repo, revision, path: checkFileName(path, text) };
  } catch (error) {
    throw new InputError(expected, { cause: error });
  }
}

const LONGEST_NAME = 1000;

/**
 * The name when it stays below the folder it is put into. A hub's listing is foreign input: a name with `..`, of an absolute path or with
 * characters that some system reads as a separator throws DataError; `where` is the listing.
 */
export function checkFileName(path: string, where: string): string {
  const isSafe =
    path.length <= LONGEST_NAME &&
    /^[^\\:\p{Cc}\p{Cf}]+$/u.test(path) &&
    path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (isSafe) return path;
  const shown = JSON.stringify(path.slice(0, 100));
  throw new DataError(`${where}: expected file names below their folder, found ${shown}; nothing is taken from there`);
}
