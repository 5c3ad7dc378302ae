// Checkpoints where they cannot be written: a full disk and one that takes no writes (both mounted for the test, which takes root), a folder
// without permission (for a plain user). Named, with nothing half-written and the earlier checkpoint whole.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { saveCheckpoint, verifyCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { StorageError } from '../../src/errors.ts';
import { parameterShapes } from '../../src/model/parameters.ts';
import { packagePath } from '../../src/package-root.ts';
import { readModelConfig } from '../../src/model/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'tiresias-full-'));
const disk = join(folder, 'disk');
mkdirSync(disk);
const configPath = packagePath('suite', 'nano', 'nano-1m-seed1', 'config.json');
const config = readModelConfig(configPath);
const parameters = new Map(
  parameterShapes(config).map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
);
const content = { step: 10, lrCount: 10, adamCount: 10, parameters };
const save = (at: number) => saveCheckpoint(join(disk, `step-${at}`), { ...content, step: at }, config, configPath);

/** Whether this user may mount; the weights have 4.3 MB, so that one checkpoint fits and two do not. */
function isMounted(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tiresias', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const hasDisk = process.getuid?.() === 0 && isMounted();
afterAll(() => {
  if (hasDisk) execFileSync('umount', [disk]);
  rmSync(folder, { recursive: true, force: true });
});

async function faultOf(saving: Promise<unknown>): Promise<Error> {
  const fault = await saving.then(() => undefined).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(StorageError);
  return fault as Error;
}

describe('a checkpoint that cannot be written', () => {
  it.skipIf(!hasDisk)('on a full disk is named, leaves nothing behind, and the earlier one whole', async () => {
    await save(10);
    const { message } = await faultOf(save(20));
    expect(message).toMatch(/step-20: could not be written, ENOSPC: the disk is full: .*\(\d+ MB are left\)/);
    expect(readdirSync(disk)).toEqual(['step-10']);
    await verifyCheckpoint(join(disk, 'step-10'));
    writeFileSync(join(disk, 'small'), 'there is room again');
  });

  it.skipIf(!hasDisk)('on a disk that takes no writes is named', async () => {
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const { message } = await faultOf(save(30));
    expect(message).toMatch(/step-30: could not be written, EROFS: the file system takes no writes/);
    await verifyCheckpoint(join(disk, 'step-10'));
  });

  it.skipIf(process.getuid?.() === 0)('in a folder without permission is named', async () => {
    chmodSync(disk, 0o555);
    const { message } = await faultOf(save(40));
    expect(message).toMatch(/EACCES: no permission to write there/);
    chmodSync(disk, 0o755);
    expect(readdirSync(disk)).toEqual([]);
  });
});
