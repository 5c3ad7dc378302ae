// What a worker is told of its cards, by a stand-in for the driver's program.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { cardMemoryBytes } from '../../jobs/machine.ts';

const folder = mkdtempSync(join(tmpdir(), 'tiresias-cards-'));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

it('asks nvidia-smi for the memory of the smallest card, and knows nothing where it does not answer', () => {
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
  const program = join(folder, 'nvidia-smi');
  const answer = (script: string) => {
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
  };
  answer('[ "$1" = --query-gpu=memory.total ] && printf "81559\\n40960\\n"');
  expect(cardMemoryBytes()).toBe(40_960 * 2 ** 20);
  answer('echo "no devices were found"; exit 6');
  expect(cardMemoryBytes()).toBeUndefined();
  answer('echo "[Not Supported]"');
  expect(cardMemoryBytes()).toBeUndefined();
});
