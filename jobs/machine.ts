// What the machine of a worker has for its trainers: memory, graphics cards and theirs.
import { spawnSync } from 'node:child_process';
import { totalmem } from 'node:os';

/** What this machine, or the container, has in all: the same for every attempt, whatever else runs now. */
export function machineMemoryBytes(): number {
  const limit = process.constrainedMemory(); // 0 or a huge number where there is no limit
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Memory of the smallest card that the driver's nvidia-smi knows of, in bytes; undefined where it does not answer. */
export function cardMemoryBytes(): number | undefined {
  const sizes = cardSizesMebibytes();
  return sizes.length === 0 ? undefined : Math.min(...sizes) * 2 ** 20;
}

/**
 * The cards that this process may use: those of CUDA_VISIBLE_DEVICES, if it is set, else all by their number; none where the driver's nvidia-smi does not
 * answer, or no back end is here to compute on them: the jobs would share the processor.
 */
export function usableCards(visible: readonly string[] | undefined, hasBackend: boolean): readonly string[] {
  const numCards = hasBackend ? cardSizesMebibytes().length : 0;
  return numCards === 0 ? [] : (visible ?? Array.from({ length: numCards }, (_, card) => String(card)));
}

function cardSizesMebibytes(): number[] {
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return [];
  return stdout
    .split('\n')
    .map(Number)
    .filter((size) => size > 0);
}
