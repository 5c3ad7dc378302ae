// What a hub says of a repository, and how it refuses: words for the reader, and nothing believed that the hub says of names, sizes and hashes.
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DataError, InputError, NotFoundError, TransientError } from '../../../src/errors.ts';
import { hubFileUrl } from '../../../src/suite/hub/address.ts';
import { listRevision, type HubFile } from '../../../src/suite/hub/repository.ts';
import { open, type HubClient } from '../../../src/suite/hub/request.ts';
import { blobIdOf, hubClient, sha256Of, startFakeHub, type FakeHub } from '../../support/fake-hub.ts';

const REPO = { kind: 'models', repo: 'org/model' } as const;
const large = Buffer.alloc(20_000, 'weights');
const small = Buffer.from('{"small": true}\n');

let hub: FakeHub;
let waits: number[];
beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(async () => {
  await hub.close();
});
beforeEach(() => {
  hub.repos['org/model'] = { revisions: { main: { 'weights.bin': large, 'config.json': small } } };
  hub.spoilTree = (entries) => entries;
  waits = [];
});

function client(change: Partial<HubClient['access']> = {}): HubClient {
  const sleep = (ms: number) => Promise.resolve(void waits.push(ms));
  return hubClient(hub, { cacheFolder: tmpdir(), ...change }, { sleep });
}

describe('a refusal says what to do', () => {
  it.each<[string, () => void, new (...words: never[]) => Error, RegExp]>([
    ['a gated repository', () => gate(), InputError, /is gated: accept its terms on its page, then set HF_TOKEN/],
    ['no repository', () => delete hub.repos['org/model'], InputError, /does not exist or is private: set HF_TOKEN/],
  ])('%s', async (_, prepare, kind, words) => {
    prepare();
    const failure = listRevision(client(), REPO, 'main');
    await expect(failure).rejects.toThrow(kind);
    await expect(failure).rejects.toThrow(words);
    expect(waits).toEqual([]);
  });

  it('no revision, no file', async () => {
    await expect(listRevision(client(), REPO, 'step7')).rejects.toThrow(
      /org\/model at step7 .*the repository has no such revision/,
    );
    const url = hubFileUrl({ ...REPO, revision: 'main', path: 'absent.bin' }, hub.endpoint);
    await expect(open(client(), url, {}, 'absent.bin')).rejects.toThrow(NotFoundError);
  });

  it('nobody there', async () => {
    const gone = await startFakeHub();
    await gone.close();
    const failure = listRevision(client({ endpoint: gone.endpoint }), REPO, 'main');
    await expect(failure).rejects.toThrow(TransientError);
    await expect(failure).rejects.toThrow(/\/api\/models\/org\/model\/revision\/main: connect ECONNREFUSED/);
    expect(waits).toEqual([1000, 2000, 4000]);
  });
});

describe('a listing', () => {
  it('knows commit, sizes and hashes', async () => {
    const { commit, files } = await listRevision(client(), REPO, 'main');
    expect(commit).toMatch(/^[0-9a-f]{40}$/);
    const expected: HubFile[] = [
      { path: 'weights.bin', sizeBytes: large.length, etag: sha256Of(large) },
      { path: 'config.json', sizeBytes: small.length, etag: blobIdOf(small) },
    ];
    expect(files).toEqual(expected);
  });

  it('knows those of a data set, too, whose files are where hubFileUrl says', async () => {
    const data = { kind: 'datasets', repo: 'org/data' } as const;
    hub.repos['datasets/org/data'] = { revisions: { main: { 'a b/document.idx': small } } };
    const { commit, files } = await listRevision(client(), data, 'main');
    expect(files).toEqual([{ path: 'a b/document.idx', sizeBytes: small.length, etag: blobIdOf(small) }]);
    const url = hubFileUrl({ ...data, revision: commit, path: 'a b/document.idx' }, hub.endpoint);
    const { response } = await open(client(), url, {}, 'document.idx');
    expect(await response.text()).toBe(small.toString());
  });

  it.each<[string, Record<string, unknown> | null]>([
    ['a way up', { path: '../../evil' }],
    ['a way up inside', { path: 'a/../../evil' }],
    ['an absolute path', { path: '/etc/passwd' }],
    ['a backslash', { path: 'a\\..\\evil' }],
    ['a drive', { path: 'C:evil' }],
    ['a control character', { path: 'a\u0000b' }],
    ['an empty part', { path: 'a//b' }],
    ['a hash that is a path', { oid: '../../evil', lfs: undefined }],
    ['a size that is none', { size: -1 }],
    ['a size in words', { size: '12' }],
    ['two sizes', { lfs: { oid: 'a'.repeat(64), size: 1, pointerSize: 1 } }],
    ['nothing', null],
  ])('is refused whole when an entry has %s', async (_, change) => {
    hub.spoilTree = (entries) => [entries[0], change && { ...entries[1], ...change }];
    await expect(listRevision(client(), REPO, 'main')).rejects.toThrow(DataError);
  });

  it('is refused when it is no list or no JSON', async () => {
    hub.spoilTree = () => ({ error: 'none' });
    await expect(listRevision(client(), REPO, 'main')).rejects.toThrow(/expected a listing as the hub sends it/);
  });
});

function gate(): void {
  hub.repos['org/model'] = { ...hub.repos['org/model']!, isGated: true };
}
