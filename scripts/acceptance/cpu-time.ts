// Processor time of a process with all that it has started.
import { processIds, statOf } from './processes.ts';

/** Ticks a second of /proc, on every Linux that Node runs on. */
const TICKS = 100;

/** Seconds on any core, of the process, of what it has started, and of their ended children. */
export function cpuSeconds(pid: number): number {
  const all = processIds().flatMap((id) => {
    const stat = statOf(id);
    if (stat === undefined) return [];
    const ticks = stat.slice(11, 15).reduce((sum, field) => sum + Number(field), 0); // utime, stime, and of ended children
    return [{ id, parent: Number(stat[1]), seconds: ticks / TICKS }];
  });
  const secondsOf = (root: number): number => {
    const own = all.find(({ id }) => id === root)?.seconds ?? 0;
    return all.filter(({ parent }) => parent === root).reduce((sum, { id }) => sum + secondsOf(id), own);
  };
  return secondsOf(pid);
}
