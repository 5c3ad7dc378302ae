// Small published files over a real connection: another length, another content, an answer that ends early.
import { createHash } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError, TransientError } from '../../../src/errors.ts';
import { fetchPinned } from '../../../src/suite/hub/pinned.ts';
import { hubClient } from '../../support/fake-hub.ts';

const bytes = Buffer.from('a published file\n'.repeat(500));
let server: Server;
let url = '';
let answers: ((response: ServerResponse) => void)[] = [];
beforeAll(async () => {
  server = createServer((_, response) => (answers.shift() ?? sendWhole)(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const sendWhole = (response: ServerResponse) => void response.end(bytes);
const sendShort = (response: ServerResponse) => {
  response.writeHead(200); // no length, so that only the size tells
  response.end(bytes.subarray(0, 100));
};

async function fetchIt(change: { retries?: number } = {}) {
  let counted = 0;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const client = hubClient({ endpoint: 'http://127.0.0.1:1' }, { cacheFolder: '' }, change);
  const file = { name: 'file.csv', url, sizeBytes: bytes.length, sha256 };
  const fetched = await fetchPinned(client, file, (numBytes) => (counted += numBytes));
  return { fetched, counted };
}

describe('a pinned file', () => {
  it('is fetched whole, after answers that fail in passing, each byte counted once', async () => {
    answers = [(response) => void response.writeHead(503).end(), sendShort];
    const { fetched, counted } = await fetchIt();
    expect(fetched.equals(bytes)).toBe(true);
    expect(counted).toBe(bytes.length);
  });

  it.each([
    ['of another length', (response: ServerResponse) => void response.end(bytes.subarray(1)), /found 8499 bytes/],
    ['longer than it says', (response: ServerResponse) => sendLong(response), /found at least \d+ bytes/],
    ['of other content', (response: ServerResponse) => void response.end(Buffer.from(bytes).fill(0, 8)), /SHA-256 [0-9a-f]{64}: it is not/],
  ])('is refused when it is %s', async (_, answer, message) => {
    answers = [answer];
    const fetching = fetchIt();
    await expect(fetching).rejects.toThrow(DataError);
    await expect(fetching).rejects.toThrow(message);
  });

  it('is given up when every answer ends early', async () => {
    answers = [sendShort, sendShort];
    await expect(fetchIt({ retries: 1 })).rejects.toThrow(TransientError);
  });
});

function sendLong(response: ServerResponse): void {
  response.writeHead(200);
  response.end(Buffer.concat([bytes, bytes]));
}
