// Files made to do harm, read in a process of its own through the entry points: each is refused with a DataError that names the file and the byte, quickly, in
// little memory, and nothing of it is run.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../../src/package-root.ts';
import { hasShared, sharedPath } from '../support/shared.ts';
import { HOSTILE_SAFETENSORS, HOSTILE_TORCH } from './hostile-files.ts';

/** Of one file, on a busy machine; the slowest takes a fifth of a second. */
const MOST_MS = 5000;
/** Above what the reader's own code takes; a trusting reader would need gigabytes. */
const MOST_GROWN_BYTES = 250e6;
/** What V8 may use in the child: an explosion ends it at once and not the machine. */
const HEAP_MB = 512;

interface Line {
  readonly folder: string;
  readonly outcomes: { name: string; message: string }[];
  readonly ms: number;
  readonly grownBytes: number;
}

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hostile-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

// Writes each file into a folder of its own under `name` and reads them all in one child, whose working folder is `root`.
function readInChild(files: Readonly<Record<string, Buffer>>, name: string): { what: string; line: Line }[] {
  const folders = Object.entries(files).map(([what, bytes]) => {
    const folder = mkdtempSync(join(root, 'model-'));
    writeFileSync(join(folder, name), bytes);
    return { what, folder };
  });
  const config = packagePath('test', 'fixtures', 'engine', 'config.json');
  const child = spawnSync(
    process.execPath,
    [
      ...[`--max-old-space-size=${HEAP_MB}`, '--import', import.meta.resolve('tsx')],
      ...[packagePath('test', 'checkpoint', 'read-hostile.ts'), config],
      ...folders.map(({ folder }) => folder),
    ],
    { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  const lines = child.stdout
    .split('\n')
    .filter((text) => text !== '')
    .map((text) => JSON.parse(text) as Line);
  const unread = folders[lines.length];
  if (unread || child.status !== 0)
    throw new Error(
      `the reader ended with ${child.status ?? child.signal} at the file that ${unread?.what}: ${child.stderr.slice(0, 2000)}`,
    );
  return folders.map(({ what }, i) => ({ what, line: lines[i]! })); // as many
}

function expectRefusals(files: Readonly<Record<string, Buffer>>, name: string): void {
  for (const { what, line } of readInChild(files, name)) {
    for (const { name: kind, message } of line.outcomes) {
      expect([what, kind, message.slice(0, 1000)]).toEqual([what, 'DataError', message]); // and no longer than that
      expect(message, what).toContain(join(line.folder, name));
      // A sound pickle without what a model file has is refused by the field's name.
      expect(message, what).toMatch(/byte \d+|"global_steps": expected a number/);
    }
    expect(line.ms, what).toBeLessThan(MOST_MS);
    expect(line.grownBytes, what).toBeLessThan(MOST_GROWN_BYTES);
  }
  expect(existsSync(join(root, 'PWNED'))).toBe(false);
}

describe('a hostile file', () => {
  it('as pytorch_model.bin is refused', () => expectRefusals(HOSTILE_TORCH, 'pytorch_model.bin'));

  it('as a model file of GPT-NeoX is refused', () => expectRefusals(HOSTILE_TORCH, 'mp_rank_00_model_states.pt'));

  it('as model.safetensors is refused', () => expectRefusals(HOSTILE_SAFETENSORS, 'model.safetensors'));

  it.skipIf(!hasShared)('of PyTorch names the global that it would have called', () => {
    const bytes = readFileSync(sharedPath('gold', 'checkpoint', 'hostile_reduce.pt'));
    const [only] = readInChild({ 'runs a command': bytes }, 'pytorch_model.bin');
    for (const { message } of only!.line.outcomes)
      expect(message).toMatch(/byte 13 of its pickle: the global posix\.system/);
  });
});
