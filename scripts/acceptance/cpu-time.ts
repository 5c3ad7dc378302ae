// Processor time of a process with all that it has started, as Linux tells it (proc_pid_stat(5)).
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks a second of /proc, on every Linux that Node runs on. */
const TICKS = 100;

interface Times {
  readonly parent: number;
  /** Its own and of its children that have ended. */
  readonly seconds: number;
}

/** Seconds on any core, of the process, of what it has started, and of their ended children. */
export function cpuSeconds(pid: number): number {
  const all = new Map<number, Times>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${entry}/stat`, 'latin1');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0); // utime, stime, cutime, cstime
      all.set(Number(entry), { parent: Number(fields[1]), seconds: ticks / TICKS });
    } catch {
      continue; // it has just ended
    }
  }
  const secondsOf = (root: number): number => {
    const children = [...all].filter(([, { parent }]) => parent === root);
    return children.reduce((sum, [child]) => sum + secondsOf(child), all.get(root)?.seconds ?? 0);
  };
  return secondsOf(pid);
}
