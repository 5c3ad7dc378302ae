// Datasets behind a URL, served by a real web server that cuts connections, is busy, answers wrongly and changes its files.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import {
  openDataset,
  prepareDataset,
  replayBatch,
  type Dataset,
  type DatasetDescription,
} from '../../src/data/replay.ts';
import type { DataAccess } from '../../src/data/token-files.ts';
import { DataError, InputError, NotFoundError, TransientError } from '../../src/errors.ts';
import { serveRange, startRangeServer, type RangeServer } from './range-server.ts';

const MIB = 2 ** 20;
const ROW = 1025; // seqLength 1024 and one more: 2,050 bytes
const NUM_ROWS = 6000; // 12.3 MB: blocks 0, 1 and 2 of 4 MiB
const SHARD_BYTES = 5_000_000;

let folder: string;
let server: RangeServer;
let reports: string[];
let open: Dataset[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'remote-'));
  server = await startRangeServer();
  reports = [];
  open = [];
});
afterEach(async () => {
  for (const dataset of open) dataset.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

// Tokens tell their own row and place, so that a slip of one byte shows.
const rowOf = (row: number) => Int32Array.from({ length: ROW }, (_, i) => (row * 31 + i * 7) % 65536);

let rowFiles: Map<string, Buffer>;
beforeAll(() => {
  const place = mkdtempSync(join(tmpdir(), 'remote-rows-'));
  writeIndexedDataset(
    join(place, 'rows'),
    Array.from({ length: NUM_ROWS }, (_, row) => rowOf(row)),
    'uint16',
  );
  rowFiles = new Map(['.bin', '.idx'].map((ending) => [`/rows${ending}`, readFileSync(join(place, `rows${ending}`))]));
  rmSync(place, { recursive: true });
});

function serveRows(): void {
  for (const [path, bytes] of rowFiles) server.files.set(path, bytes);
}

const access = (): DataAccess => ({
  cacheFolder: join(folder, 'cache'),
  headers: { authorization: 'Bearer of-the-test' },
  report: (words) => void reports.push(words),
  retry: { numTries: 4, firstWaitMs: 1, mostWaitMs: 2000, timeoutMs: 2000 },
});
const rows = (changes: Partial<DatasetDescription> = {}): DatasetDescription => ({
  ...{ prefix: `${server.url}/rows`, layout: 'preshuffled', seqLength: ROW - 1, batchSize: 8 },
  ...changes,
});

async function openRemote(description = rows()): Promise<Dataset> {
  await prepareDataset(description, access());
  const dataset = openDataset(description, access());
  open.push(dataset);
  return dataset;
}

async function readRow(dataset: Dataset, row: number): Promise<Int32Array> {
  await dataset.fetchSamples(row, 1);
  return dataset.readSample(row);
}

const askedOf = (path: string) => server.requests.filter((request) => request.path === path);
const blockFiles = (ending: string) =>
  readdirSync(join(folder, 'cache'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.includes(ending) && path.endsWith('.block'),
  );

describe('rows behind a URL', () => {
  it('are replayed from the blocks that hold them and no others, and a second time without a server', async () => {
    serveRows();
    const dataset = await openRemote();
    await dataset.fetchSamples(4000, 8);
    const batch = replayBatch(dataset, 500);
    for (let i = 0; i < 8; i++) expect(batch.tokens.slice(i * ROW, (i + 1) * ROW)).toEqual(rowOf(4000 + i));
    // One byte for the size, and the block in which rows 4000 to 4007 lie.
    expect(askedOf('/rows.bin').map(({ from, to }) => [from, to])).toEqual([
      [0, 0],
      [4 * MIB, 8 * MIB - 1],
    ]);
    expect(server.requests.every(({ headers }) => headers.authorization === 'Bearer of-the-test')).toBe(true);
    await server.close();
    const again = await openRemote();
    expect(await readRow(again, 4001)).toEqual(rowOf(4001));
    const kept = readdirSync(join(folder, 'cache'), { recursive: true, encoding: 'utf8' });
    const words = kept.map((path) => join(folder, 'cache', path)).filter((path) => path.endsWith('.json'));
    expect(words.length).toBe(2);
    for (const path of words) expect(readFileSync(path, 'utf8')).not.toContain('of-the-test');
  });

  it('straddle blocks and shards; shards that are not needed are never asked for', async () => {
    serveRows();
    const bin = server.files.get('/rows.bin')!;
    server.files.delete('/rows.bin');
    for (let i = 0; i * SHARD_BYTES < bin.length; i++) {
      const part = bin.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES);
      server.files.set(`/rows-0000${i}-of-00002.bin`, part);
    }
    const dataset = await openRemote(rows({ shards: 2 }));
    const row = Math.floor((2 * SHARD_BYTES) / (2 * ROW)); // begins in shard 1 and ends in shard 2
    expect(await readRow(dataset, row)).toEqual(rowOf(row));
    expect(askedOf('/rows-00000-of-00002.bin').map(({ from, to }) => [from, to])).toEqual([[0, 0]]);
    expect(askedOf('/rows-00001-of-00002.bin')).toHaveLength(2);
    await expect(openRemote(rows({ shards: 7 }))).rejects.toThrow(NotFoundError);
    server.files.set('/rows-00000-of-00009.bin', bin.subarray(0, SHARD_BYTES));
    await expect(openRemote(rows({ shards: 9 }))).rejects.toThrow(
      /of 5000000 bytes \(the first\); the names tell of 9/,
    );
  });

  it('are fetched several blocks at once', async () => {
    serveRows();
    const dataset = await openRemote();
    const held: (() => void)[] = [];
    server.fault = ({ path, from, to }, response, file) => {
      if (path !== '/rows.bin') return false;
      held.push(() => serveRange(response, file, from, to, '"one"'));
      if (held.length === 3) held.forEach((serve) => serve()); // none is answered before all three are asked for
      return true;
    };
    await dataset.fetchSamples(0, NUM_ROWS);
    expect(held).toHaveLength(3);
    expect(dataset.readSample(5999)).toEqual(rowOf(5999));
  });

  it('of one ETag are never mixed with those of another', async () => {
    serveRows();
    const dataset = await openRemote();
    expect(await readRow(dataset, 0)).toEqual(rowOf(0));
    server.etag = '"two"';
    await expect(readRow(dataset, 5000)).rejects.toThrow(DataError);
    await expect(readRow(dataset, 5000)).rejects.toThrow(
      /rows\.(bin|idx): expected the file that was read before \(\d+ bytes, "one"\), found \d+ bytes, "two".*empty the cache folder/,
    );
    expect(await readRow(dataset, 1)).toEqual(rowOf(1)); // what is here is of one version and stays good
    expect(blockFiles('rows.bin')).toHaveLength(1);
  });

  it('with weak ETags, which no server compares for ranges, are compared here', async () => {
    serveRows();
    server.etag = 'W/"one"';
    const dataset = await openRemote();
    expect(await readRow(dataset, 0)).toEqual(rowOf(0));
    expect(server.requests.some(({ headers }) => headers['if-range'] !== undefined)).toBe(false);
    server.etag = 'W/"two"';
    await expect(readRow(dataset, 5000)).rejects.toThrow(/found \d+ bytes, W\/"two"/);
  });

  it('are fetched anew when a kept block is damaged, and refused when it is damaged behind our back', async () => {
    serveRows();
    const dataset = await openRemote();
    await readRow(dataset, 0);
    dataset.close();
    const block = join(folder, 'cache', blockFiles('rows.bin')[0]!);
    const damage = () => {
      const bytes = readFileSync(block);
      bytes.writeUInt8(bytes[1000]! ^ 1, 1000);
      writeFileSync(block, bytes);
    };
    damage();
    const again = await openRemote();
    expect(await readRow(again, 0)).toEqual(rowOf(0));
    expect(reports).toEqual([expect.stringMatching(/0000000\.block: the block is damaged and is fetched anew/)]);
    writeFileSync(block, readFileSync(block).subarray(0, 500)); // cut short
    expect(await readRow(await openRemote(), 3)).toEqual(rowOf(3));
    expect(statSync(block).size).toBe(4 * MIB + 32);
    damage();
    const third = openDataset(rows(), access());
    open.push(third);
    expect(() => third.readSample(0)).toThrow(/0000000\.block, byte 0: expected the SHA-256 of its bytes/);
    rmSync(block);
    expect(() => third.readSample(0)).toThrow(/expected fetched bytes in .*0000000\.block, found no such file/);
  });
});

describe('a server in trouble', () => {
  /** Misbehaves on the first `times` requests of the token file's blocks. */
  function trouble(times: number, misbehave: RangeServer['fault']): { count: () => number } {
    let count = 0;
    server.fault = (request, response, file) => {
      if (!request.path.endsWith('.bin') || request.to === 0 || count >= times) return false;
      count++;
      return misbehave(request, response, file);
    };
    return { count: () => count };
  }

  const faults: [string, RangeServer['fault'], RegExp][] = [
    [
      'that cuts the connection in mid-body',
      ({ from, to }, response, file) => {
        response.writeHead(206, {
          etag: '"one"',
          'content-range': `bytes ${from}-${to}/${file.length}`,
          'content-length': to + 1 - from,
        });
        response.write(file.subarray(from, from + 100_000), () => response.destroy());
        return true;
      },
      /rows\.bin/,
    ],
    [
      'that ends a chunked body early',
      ({ from, to }, response, file) => {
        response.writeHead(206, { etag: '"one"', 'content-range': `bytes ${from}-${to}/${file.length}` });
        response.end(file.subarray(from, from + 1000));
        return true;
      },
      /byte 4194304: expected 4194304 bytes, found 1000: the answer was cut/,
    ],
    ['with internal errors', (_, response) => (response.writeHead(500).end(), true), /answered 500/],
    ['that is overloaded', (_, response) => (response.writeHead(503).end(), true), /answered 503/],
    ['that closes before it answers', (_, response) => (response.destroy(), true), /rows\.bin/],
  ];

  it.each(faults)('%s is asked again, and given up by name in the end', async (_, misbehave, words) => {
    serveRows();
    const dataset = await openRemote();
    const { count } = trouble(2, misbehave);
    expect(await readRow(dataset, 2500)).toEqual(rowOf(2500));
    expect(count()).toBe(2);
    expect(reports).toHaveLength(2);
    expect(reports[1]).toMatch(words);
    trouble(99, misbehave);
    const other = readRow(dataset, 5000);
    await expect(other).rejects.toThrow(TransientError);
    await expect(other).rejects.toThrow(/given up after 4 tries/);
  });

  it('that answers nothing is asked again after the time limit', async () => {
    serveRows();
    const dataset = await openRemote();
    dataset.close();
    const hasty = { ...access(), retry: { ...access().retry, timeoutMs: 100 } };
    const patient = openDataset(rows(), hasty);
    open.push(patient);
    trouble(1, () => true);
    expect(await readRow(patient, 2500)).toEqual(rowOf(2500));
    expect(reports).toEqual([expect.stringMatching(/aborted due to timeout/)]);
  });

  it('is left alone for as long as it asks with 429 and Retry-After, and no longer than a limit', async () => {
    serveRows();
    const dataset = await openRemote();
    trouble(1, (_, response) => (response.writeHead(429, { 'retry-after': '1' }).end(), true));
    const startedMs = performance.now();
    expect(await readRow(dataset, 2500)).toEqual(rowOf(2500));
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(990); // the server's own clock: one second
    expect(reports).toEqual([expect.stringMatching(/answered 429; try 2 of 4 in 1\.0 s/)]);
    trouble(1, (_, response) => (response.writeHead(429, { 'retry-after': '3600' }).end(), true));
    await expect(readRow(dataset, 5000)).rejects.toThrow(/answered 429; the server asks to wait 3600 s/);
  });

  const refused: [string, RangeServer['fault'], RegExp][] = [
    [
      'ignores Range and sends the whole file',
      (_, response, file) => (
        response.writeHead(200, { etag: '"one"', 'content-length': file.length }).end(file),
        true
      ),
      /answered 200, the whole file: expected 206 .*serves no ranges: download the files/,
    ],
    [
      'sends another range than was asked for',
      (_, response, file) => (serveRange(response, file, 0, 4 * MIB - 1, '"one"'), true),
      /byte 4194304: expected Content-Range "bytes 4194304-8388607\/SIZE" .* found "bytes 0-4194303\/12300000"/,
    ],
    [
      'sends more bytes than it says',
      ({ from, to }, response, file) => {
        response.writeHead(206, { etag: '"one"', 'content-range': `bytes ${from}-${to}/${file.length}` });
        response.end(Buffer.alloc(5 * MIB));
        return true;
      },
      /byte 4194304: expected 4194304 bytes, found more/,
    ],
    [
      'tells of another size',
      ({ from, to }, response, file) => {
        response.writeHead(206, { etag: '"one"', 'content-range': `bytes ${from}-${to}/${file.length + 1}` });
        response.end(file.subarray(from, to + 1));
        return true;
      },
      /expected the file that was read before \(12300000 bytes, "one"\), found 12300001 bytes/,
    ],
    [
      'compresses',
      ({ from, to }, response, file) => {
        const range = `bytes ${from}-${to}/${file.length}`;
        response.writeHead(206, { etag: '"one"', 'content-range': range, 'content-encoding': 'gzip' }).end('no gzip');
        return true;
      },
      /byte 4194304: expected Content-Range .* and no encoding, found "bytes 4194304-8388607\/12300000", gzip/,
    ],
    ['wants a token', (_, response) => (response.writeHead(403).end(), true), /answered 403: the file may not be read/],
  ];
  it.each(refused)('that %s is refused with words, and at once', async (_, misbehave, words) => {
    serveRows();
    const dataset = await openRemote();
    const { count } = trouble(99, misbehave);
    const reading = readRow(dataset, 2500);
    await expect(reading).rejects.toThrow(words);
    await expect(reading).rejects.not.toThrow(TransientError);
    expect(count()).toBe(1);
    expect(blockFiles('rows.bin')).toEqual([]);
  });

  it('that names no version is refused, and a file that is missing is named', async () => {
    serveRows();
    server.etag = undefined;
    await expect(openRemote()).rejects.toThrow(/rows\.idx: expected an ETag or Last-Modified .* found neither/);
    server.etag = '"one"';
    server.files.delete('/rows.bin');
    await expect(openRemote()).rejects.toThrow(NotFoundError);
    await expect(openRemote()).rejects.toThrow(/rows\.bin \(bytes=0-0\) answered 404: there is no such file/);
  });

  it('whose token file is of another index is refused', async () => {
    serveRows();
    server.files.set('/rows.bin', Buffer.alloc(2 * ROW * 10));
    await expect(openRemote()).rejects.toThrow(/rows\.bin, byte 20500: expected 12300000 bytes .* found 20500/);
  });
});

describe('documents behind a URL', () => {
  it('are packed from the whole index and the blocks that samples touch, as the same files are on a disk', async () => {
    const prefix = join(folder, 'texts');
    const documents = Array.from({ length: 900 }, (_, d) =>
      Array.from({ length: (d * 37) % 301 }, (_, i) => (d + i) % 50000),
    );
    writeIndexedDataset(prefix, documents, 'uint16');
    for (const ending of ['.bin', '.idx']) server.files.set(`/texts${ending}`, readFileSync(prefix + ending));
    const training = { layout: 'documents', seqLength: 128, batchSize: 4, trainSteps: 100, seed: 1234 } as const;
    const local = openDataset({ prefix, ...training });
    open.push(local);
    const remote = await openRemote({ prefix: `${server.url}/texts?download=true`, ...training });
    expect(askedOf('/texts.idx?download=true').at(-1)).toMatchObject({
      from: 0,
      to: server.files.get('/texts.idx')!.length - 1,
    });
    for (const step of [0, 57, 99]) {
      await remote.fetchSamples(step * 4, 4);
      expect(replayBatch(remote, step).tokens).toEqual(replayBatch(local, step).tokens);
    }
    expect(askedOf('/texts.bin?download=true').length).toBeGreaterThan(2);
    expect(readdirSync(join(folder, 'cache'))).toEqual([
      'blocks',
      ...['checked.json', 'doc_idx.npy', 'sample_idx.npy', 'shuffle_idx.npy'].map(
        (ending) => `texts_train_0_indexmap_402ns_128sl_1234s_${ending}`,
      ),
    ]);
  });

  it('need a cache folder', () => {
    expect(() => openDataset(rows())).toThrow(InputError);
    expect(() => openDataset(rows())).toThrow(/expected a cache folder for what is fetched/);
  });
});
