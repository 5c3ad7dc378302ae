// What a worker is told of its cards, by a stand-in for the driver's program.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { cardMemoryBytes, usableCards } from '../../jobs/machine.ts';
import { visibleCards } from '../../src/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'tiresias-cards-'));
const program = join(folder, 'nvidia-smi');
const answer = (script: string) => {
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
};
beforeEach(() => {
  vi.stubEnv('PATH', `${folder}:/usr/bin:/bin`);
});
afterEach(() => {
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(folder, { recursive: true }));

it('asks nvidia-smi for the memory of the smallest card, and knows nothing where it does not answer', () => {
  answer('[ "$1" = --query-gpu=memory.total ] && printf "81559\\n40960\\n"');
  expect(cardMemoryBytes()).toBe(40_960 * 2 ** 20);
  answer('echo "no devices were found"; exit 6');
  expect(cardMemoryBytes()).toBeUndefined();
  answer('echo "[Not Supported]"');
  expect(cardMemoryBytes()).toBeUndefined();
});

it('names the cards that CUDA_VISIBLE_DEVICES leaves it', () => {
  answer('printf "81559\\n81559\\n40960\\n"');
  for (const [visible, cards] of [
    [undefined, ['0', '1', '2']],
    ['2, 0', ['2', '0']],
    ['GPU-5c2f,GPU-77ab', ['GPU-5c2f', 'GPU-77ab']],
    ['1,-1,0', ['1']],
    ['', []],
    ['-1', []],
  ] as const) {
    vi.stubEnv('CUDA_VISIBLE_DEVICES', visible);
    expect(usableCards(visibleCards(), true)).toEqual(cards);
    expect(usableCards(visibleCards(), false)).toEqual([]);
  }
  answer('exit 9');
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '0');
  expect(usableCards(visibleCards(), true)).toEqual([]);
});
