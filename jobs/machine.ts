// What the machine of a worker has for its trainers: memory, and that of its graphics cards.
import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';

/** What this machine, or the container, has in all: the same for every attempt, whatever else runs now. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory(); // 0 or a huge number where there is no limit
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Memory of the smallest card that the driver's nvidia-smi knows of, in bytes; undefined where it does not answer. */
export function cardMemoryBytes(): number | undefined {
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 10_000 });
  const mebibytes =
    status === 0
      ? stdout
          .split('\n')
          .map(Number)
          .filter((size) => size > 0)
      : [];
  return mebibytes.length === 0 ? undefined : Math.min(...mebibytes) * 2 ** 20;
}
