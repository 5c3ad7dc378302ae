// Batches made ahead in a real thread: the same bits as without it, few at a time, with the thread's own errors, and a clean end.
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBatches, type BatchTask } from '../../jobs/batches.ts';
import { startPrefetch, type Prefetch } from '../../jobs/prefetch.ts';
import { writeIndexedDataset } from '../../src/data/indexed-dataset.ts';
import {
  DataError,
  InputError,
  NotFoundError,
  OutOfMemoryError,
  packError,
  TransientError,
  unpackError,
} from '../../src/errors.ts';
import { packagePath } from '../../src/package-root.ts';
import { ensureNanoData, nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { startRangeServer, type RangeServer } from '../data/range-server.ts';
import { until } from '../support/jobs.ts';
import { sharedSuiteFolder } from '../support/suite-folder.ts';

vi.setConfig({ testTimeout: 120_000 }); // threads start from sources on a machine that does other things

let folder: string;
let nano: BatchTask;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'prefetch-'));
  const dataset = (await ensureNanoData(1, sharedSuiteFolder())).preshuffled;
  const intervention = { policy: 'morph-v1', direction: 'swap', probability: 0.5, seed: 7 } as const;
  const rewriting = { tokenizerPath: nanoTokenizerPath(), intervention };
  nano = { dataset, access: {}, rowsPerStep: 16, rewriting };
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let open: Prefetch[] = [];
const start = (...parameters: Parameters<typeof startPrefetch>): Prefetch => {
  const prefetch = startPrefetch(...parameters);
  open.push(prefetch);
  return prefetch;
};
afterEach(async () => {
  for (const prefetch of open) await prefetch.close();
  open = [];
});

describe('batches made ahead', () => {
  it.each(['rewritten', 'as they are'])('are, %s, those that are made when they are asked for', async (how) => {
    const task = how === 'rewritten' ? nano : { ...nano, rewriting: null };
    const batches = await openBatches(task);
    const prefetch = start(task, 1330, 1340);
    let numEdits = 0;
    for (let step = 1330; step < 1340; step++) {
      const { batch, proof } = await batches.of(step);
      const ahead = await prefetch.take(step);
      const { replayMs, rewriteMs } = ahead.proof; // the one thing that may differ
      expect(ahead).toEqual({ ...batch, proof: { ...proof, replayMs, rewriteMs } });
      expect(Math.min(replayMs, rewriteMs)).toBeGreaterThan(0);
      numEdits += proof.numEdits;
    }
    batches.close();
    expect(numEdits > 0).toBe(how === 'rewritten');
    await expect(prefetch.take(1340)).rejects.toThrow(/bug: step 1340/);
  });

  it('are asked for one after the other, from any step on', async () => {
    const prefetch = start(nano, 1335, 1430);
    await expect(prefetch.take(1336)).rejects.toThrow(/bug: step 1336 was asked for, expected 1335/);
    expect((await prefetch.take(1335)).step).toBe(1335);
  });

  it('are no more than may be in memory, until one is taken', async () => {
    // 6,000 rows of 2,050 bytes: a step of 2,000 rows needs about one block of 4 MiB, so requests tell which steps were made when.
    const prefix = join(folder, 'rows');
    const row = new Int32Array(1025);
    writeIndexedDataset(
      prefix,
      Array.from({ length: 6000 }, () => row),
      'uint16',
    );
    const server: RangeServer = await startRangeServer();
    try {
      for (const ending of ['.bin', '.idx']) server.files.set(`/rows${ending}`, readFileSync(prefix + ending));
      const dataset = {
        prefix: `${server.url}/rows`,
        layout: 'preshuffled',
        seqLength: 1024,
        batchSize: 2000,
      } as const;
      const access = { cacheFolder: join(folder, 'cache') };
      const asked: string[] = [];
      let numTaken = 0;
      server.fault = ({ path, from, to }) => {
        if (path === '/rows.bin' && to > 0) asked.push(`block ${from / 2 ** 22} after ${numTaken}`);
        return false;
      };
      const prefetch = start({ dataset, access, rowsPerStep: 2000, rewriting: null }, 0, 3, 1);
      for (let step = 0; step < 3; step++) {
        await until(() => asked.length === step + 1, 60_000); // made before it is taken, and only since the one before was
        numTaken++;
        expect((await prefetch.take(step)).numRows).toBe(2000);
      }
      expect(asked).toEqual(['block 0 after 0', 'block 1 after 1', 'block 2 after 2']);
    } finally {
      await server.close();
    }
  });

  it('stop at damaged data with the error of the thread, after the batches before it', async () => {
    const prefix = join(folder, 'damaged');
    for (const ending of ['.bin', '.idx'])
      cpSync(packagePath('test', 'fixtures', 'replay', `wrapping-int8${ending}`), prefix + ending);
    const dataset = { prefix, layout: 'documents', seqLength: 10, batchSize: 2, trainSteps: 5, seed: 3 } as const;
    const task: BatchTask = { dataset, access: {}, rowsPerStep: 2, rewriting: null };
    const beyond = start(task, 4, 9);
    expect((await beyond.take(4)).step).toBe(4);
    await expect(beyond.take(5)).rejects.toThrow(InputError);
    truncateSync(`${prefix}.idx`, 40);
    const damaged = start(task, 0, 5).take(0);
    await expect(damaged).rejects.toThrow(DataError);
    await expect(damaged).rejects.toThrow(/damaged\.idx, byte 18/);
    const missing = start(
      { ...nano, rewriting: { ...nano.rewriting!, tokenizerPath: join(folder, 'none.json') } },
      0,
      1,
    );
    await expect(missing.take(0)).rejects.toThrow(/none\.json/);
  });

  it('end when they are closed, also for one who waits', async () => {
    const prefetch = startPrefetch(nano, 0, 1430);
    const waiting = prefetch.take(0);
    const outcome = expect(waiting).rejects.toThrow(/the thread that makes batches has ended/);
    await prefetch.close(); // before it can have started
    await outcome;
    await prefetch.close();
  });
});

describe('errors between threads', () => {
  it('keep class, words, pointer and stack', () => {
    for (const error of [
      new InputError('an input', { pointer: '/a/b' }),
      ...[
        new DataError('data'),
        new NotFoundError('not found'),
        new TransientError('later'),
        new OutOfMemoryError('memory'),
      ],
    ]) {
      const copy = unpackError(structuredClone(packError(error)));
      expect(copy).toBeInstanceOf(error.constructor);
      expect(copy).toEqual(error);
      expect(copy.stack).toBe(error.stack);
    }
    class Refined extends DataError {}
    expect(unpackError(packError(new Refined('refined')))).toBeInstanceOf(DataError);
    const bug = unpackError(packError(new RangeError('bug: of any class')));
    expect(bug).toBeInstanceOf(Error);
    expect(bug.message).toBe('bug: of any class');
    expect(unpackError(packError('thrown')).message).toBe('thrown');
  });
});
