// Downloads from a real HTTP server that cuts, lies, refuses and changes its mind. The clock is the test's: nothing here waits.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DataError, TransientError } from '../../../src/errors.ts';
import { hubFileUrl } from '../../../src/suite/hub/address.ts';
import { downloadFile } from '../../../src/suite/hub/download.ts';
import { listRevision } from '../../../src/suite/hub/repository.ts';
import type { HubClient } from '../../../src/suite/hub/request.ts';
import { blobIdOf, hubClient, sha256Of, startFakeHub, type FakeHub } from '../../support/fake-hub.ts';

const REPO = { kind: 'models', repo: 'org/model' } as const;
const SEGMENT = 16_384;
const large = pseudoRandom(100_000);
const small = Buffer.from('{"small": true}\n');

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-download-'));
let hub: FakeHub;
let waits: number[];
let said: string[];
let stop: AbortController;
beforeAll(async () => {
  hub = await startFakeHub();
});
afterAll(async () => {
  await hub.close();
  rmSync(scratch, { recursive: true });
});
beforeEach(() => {
  hub.repos['org/model'] = { revisions: { main: { 'weights.bin': large, 'config.json': small } } };
  hub.requests.length = 0;
  [waits, said, stop] = [[], [], new AbortController()];
});
afterEach(() => {
  expect(hub.faults.splice(0)).toEqual([]); // each scripted fault happened
  hub.onBody = () => undefined;
  onArrival = () => undefined;
  hub.hasRanges = true;
});

function client(change: Partial<HubClient['access']> = {}): HubClient {
  const sleep = (ms: number) => Promise.resolve(void waits.push(ms));
  const onWait = (words: string) => void said.push(words);
  return hubClient(hub, { cacheFolder: scratch, ...change }, { signal: stop.signal, sleep, onWait });
}

/** Is told how many bytes of a download are here. */
let onArrival: (numBytes: number) => void = () => undefined;
let numPlaces = 0;
const freshPlace = () => join(scratch, `place-${numPlaces++}`, 'weights.bin');

async function fetchLarge(to = freshPlace(), own = client(), path = 'weights.bin') {
  const { commit, files } = await listRevision(own, REPO, 'main');
  const file = files.find((one) => one.path === path)!;
  const url = hubFileUrl({ ...REPO, revision: commit, path }, hub.endpoint);
  let numBytes = 0;
  const onBytes = (more: number) => onArrival((numBytes += more));
  await downloadFile(own, url, file, to, { onBytes, segmentBytes: SEGMENT });
  expect(numBytes).toBe(file.sizeBytes);
  expect(readdirSync(join(to, '..'))).toEqual(['weights.bin']);
  return sha256Of(readFileSync(to)); // Vitest compares buffers element by element, in 0.6 s each
}

/** The files that a failed download leaves. */
const left = (to: string) => readdirSync(join(to, '..')).sort();

describe('a download', () => {
  it('fetches large files in ranges from where the hub sends it, small ones from the hub', async () => {
    expect(await fetchLarge()).toBe(sha256Of(large));
    const ranges = hub.requests.filter(({ server }) => server === 'cdn').map(({ range }) => range);
    expect(new Set(ranges).size).toBe(Math.ceil(large.length / SEGMENT));
    expect(await fetchLarge(freshPlace(), client(), 'config.json')).toBe(sha256Of(small));
    expect(waits).toEqual([]);
  });

  it('goes on where a connection was cut', async () => {
    // What fetch holds unread is lost with the connection: it is cut once some of the body, and all of the others, are here.
    const until = new Promise<void>((resolve) => {
      onArrival = (numBytes) => numBytes > large.length - SEGMENT && resolve();
    });
    hub.faults.push({ path: /weights/, fault: { kind: 'cut', after: 5000, until } });
    expect(await fetchLarge()).toBe(sha256Of(large));
    expect(waits).toEqual([1000]);
    // The segment's rest is asked for, not what had arrived of it.
    const starts = hub.requests.filter(({ server }) => server === 'cdn').map(({ range }) => startOf(range));
    expect(starts.filter((start) => start % SEGMENT !== 0)).toHaveLength(1);
  });

  it('takes a body that ends early for a cut, also in a listing', async () => {
    hub.faults.push({ path: /weights/, fault: { kind: 'short', by: 100 } });
    hub.faults.push({ path: /tree/, fault: { kind: 'cut', after: 10 } });
    expect(await fetchLarge()).toBe(sha256Of(large));
    expect(waits).toEqual([1000, 1000]);
  });

  it('waits as a 429 asks, and doubles its own waits otherwise', async () => {
    const path = /resolve/;
    hub.faults.push({ path, fault: { kind: 'status', status: 429, headers: { 'retry-after': '7' } } });
    expect(await fetchLarge()).toBe(sha256Of(large));
    expect(waits).toEqual([7000]);
    expect(said[0]).toContain('answered 429');
    waits.length = 0;
    for (const status of [500, 503, 502]) hub.faults.push({ path: /revision/, fault: { kind: 'status', status } });
    expect(await fetchLarge()).toBe(sha256Of(large));
    expect(waits).toEqual([1000, 2000, 4000]);
  });

  it('gives up after its retries, or when it would have to wait too long, and keeps what it has', async () => {
    const to = freshPlace();
    hub.faults.push({ path: /weights/, fault: { kind: 'cut', after: 5000 } });
    // More than four workers can use up before all have failed.
    hub.onBody = () => {
      if (hub.faults.length === 0) hub.faults.push(...new Array(1).fill({ path: /weights/, fault: CUT_AT_ONCE }));
    };
    await expect(fetchLarge(to)).rejects.toThrow(TransientError);
    hub.onBody = () => undefined;
    hub.faults.length = 0;
    expect(left(to)).toEqual(['weights.bin.tiresias-partial', 'weights.bin.tiresias-partial.json']);
    expect(await fetchLarge(to)).toBe(sha256Of(large));

    hub.faults.push({ path: /revision/, fault: { kind: 'status', status: 429, headers: { 'retry-after': '3600' } } });
    await expect(fetchLarge()).rejects.toThrow(/asks to wait 3600 s: try again then/);
  });

  it('throws wrong bytes of the right length away, and says both hashes', async () => {
    const to = freshPlace();
    hub.faults.push({ path: /weights/, fault: { kind: 'flip', at: 77 } });
    const failure = fetchLarge(to);
    await expect(failure).rejects.toThrow(DataError);
    await expect(failure).rejects.toThrow(new RegExp(`expected SHA-256 ${sha256Of(large)}.*found [0-9a-f]{64}`));
    expect(left(to)).toEqual([]);
    hub.faults.push({ path: /config/, fault: { kind: 'flip', at: 3 } });
    await expect(fetchLarge(freshPlace(), client(), 'config.json')).rejects.toThrow(`git blob id ${blobIdOf(small)}`);
  });

  it('stopped at any moment and started again gives the same file, fetching no more than the rest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), async (stopAt) => {
        const to = freshPlace();
        stop = new AbortController();
        let numBodies = 0;
        hub.onBody = () => {
          if (++numBodies === stopAt) stop.abort();
        };
        await expect(fetchLarge(to)).rejects.toThrow(/abort/i);
        expect(existsSync(to)).toBe(false);
        hub.onBody = () => undefined;
        stop = new AbortController();
        // That what was kept and what arrives now make one file, no byte fetched twice, is what fetchLarge expects.
        expect(await fetchLarge(to)).toBe(sha256Of(large));
      }),
      { numRuns: 15, seed: 3 },
    );
  });

  it('begins anew when the file was changed between two attempts', async () => {
    const to = freshPlace();
    hub.onBody = () => stop.abort();
    await expect(fetchLarge(to)).rejects.toThrow();
    hub.onBody = () => undefined;
    stop = new AbortController();
    const other = pseudoRandom(100_000, 'other');
    hub.repos['org/model'] = { revisions: { main: { 'weights.bin': other } } };
    expect(await fetchLarge(to)).toBe(sha256Of(other));
  });

  it('refuses a file that is not the one of the listing any more', async () => {
    const { commit, files } = await listRevision(client(), REPO, 'main');
    const listed = { ...files[0]!, etag: sha256Of(Buffer.from('something else')) };
    const url = hubFileUrl({ ...REPO, revision: commit, path: 'weights.bin' }, hub.endpoint);
    const outcome = downloadFile(client(), url, listed, freshPlace(), { onBytes: () => undefined });
    await expect(outcome).rejects.toThrow(/it was changed meanwhile; try again/);
  });

  it('distrusts a journal that does not fit its file', async () => {
    const to = freshPlace();
    hub.onBody = () => stop.abort();
    await expect(fetchLarge(to)).rejects.toThrow();
    hub.onBody = () => undefined;
    stop = new AbortController();
    const journal = `${to}.tiresias-partial.json`;
    const content = JSON.parse(readFileSync(journal, 'utf8')) as { done: number[] };
    for (const damaged of ['{"etag":', JSON.stringify({ ...content, done: content.done.map(() => 1e9) })]) {
      writeFileSync(journal, damaged);
      expect(await fetchLarge(to)).toBe(sha256Of(large));
      rmSync(to);
    }
  });

  it('leaves a file alone that another process is fetching', async () => {
    const to = freshPlace();
    hub.onBody = () => stop.abort();
    await expect(fetchLarge(to)).rejects.toThrow();
    hub.onBody = () => undefined;
    stop = new AbortController();
    const journal = `${to}.tiresias-partial.json`;
    const content = JSON.parse(readFileSync(journal, 'utf8')) as object;
    writeFileSync(journal, JSON.stringify({ ...content, pid: process.ppid }));
    await expect(fetchLarge(to)).rejects.toThrow(`process ${process.ppid} is fetching it`);
    const ended = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(journal, JSON.stringify({ ...content, pid: ended }));
    expect(await fetchLarge(to)).toBe(sha256Of(large));
  });

  it('fetches small files from a server without ranges, and says that large ones cannot be had there', async () => {
    hub.hasRanges = false;
    hub.faults.push({ path: /config/, fault: { kind: 'cut', after: 4 } });
    expect(await fetchLarge(freshPlace(), client(), 'config.json')).toBe(sha256Of(small));
    await expect(fetchLarge()).rejects.toThrow(/sends whole files only/);
  });
});

describe('the token', () => {
  it('goes to the hub alone, not where it redirects to', async () => {
    hub.repos['org/model'] = { ...hub.repos['org/model']!, isGated: true };
    await fetchLarge(freshPlace(), client({ token: 'secret' }));
    const [own, foreign] = (['hub', 'cdn'] as const).map((name) => hub.requests.filter(({ server }) => server === name));
    expect(own!.length).toBeGreaterThan(0);
    expect(foreign!.length).toBeGreaterThan(0);
    expect(own!.every(({ authorization }) => authorization === 'Bearer secret')).toBe(true);
    expect(foreign!.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it('does not come back to a host that the hub sent it away from, and is in no message', async () => {
    // A listing whose next page is elsewhere: the library follows the link that the hub sends.
    const elsewhere = createServer((request, response) => {
      hub.requests.push({
        ...{ server: 'cdn', url: request.url ?? '', authorization: request.headers.authorization, range: undefined },
      });
      response.writeHead(500).end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const { port } = elsewhere.address() as AddressInfo;
    const location = `http://127.0.0.1:${port}/next?X-Signature=private`;
    hub.faults.push({ path: /tree/, fault: { kind: 'status', status: 307, headers: { location } } });
    const failure = listRevision({ ...client({ token: 'secret' }), retries: 0 }, REPO, 'main');
    const words = await failure.then(String, (error: unknown) => String(error));
    expect(words).toContain(`http://127.0.0.1:${port}/next answered 500`);
    expect(words).not.toMatch(/secret|private/);
    expect(hub.requests.at(-1)).toMatchObject({ server: 'cdn', authorization: undefined });
    await new Promise((resolve) => elsewhere.close(resolve));
  });
});

const CUT_AT_ONCE = { kind: 'cut', after: 0 } as const;

function pseudoRandom(length: number, key = 'weights'): Buffer {
  const pieces = Array.from({ length: Math.ceil(length / 32) }, (_, i) => createHash('sha256').update(`${key}${i}`).digest());
  return Buffer.concat(pieces).subarray(0, length);
}

function startOf(range: string | undefined): number {
  return Number(/^bytes=(\d+)-/.exec(range ?? '')?.[1]);
}
