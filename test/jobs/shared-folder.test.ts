import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Task } from '../../jobs/executor/executor.ts';
import {
  askToStop,
  giveTask,
  hasTask,
  isHeard,
  newestExecution,
  noteHeard,
  openLink,
  openMessages,
  raiseFollower,
} from '../../jobs/executor/shared-folder.ts';
import { step } from '../support/fake-trainer.ts';
import { until } from '../support/jobs.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tiresias-shared-'));
  raiseFollower(folder, 0);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const task = { arm: 'control', access: { headers: { authorization: 'Bearer secret' } } } as unknown as Task;

/** The trainer's end of an execution; what it was told is counted. */
function link(execution: number, unfollowedMs?: number) {
  const told = { stop: 0, gone: 0 };
  const opened = openLink(
    folder,
    execution,
    { onStop: () => (told.stop += 1), onGone: () => (told.gone += 1) },
    unfollowedMs,
  );
  return { ...opened, told };
}

describe('a folder between worker and trainer', () => {
  it('hands over a task once, that nobody else can read and that is gone when taken', async () => {
    giveTask(folder, 0, task);
    giveTask(folder, 0, { ...task, arm: 'burn-in' } as Task); // by a worker that has lost the job
    expect(statSync(join(folder, 'task-0')).mode & 0o777).toBe(0o600);
    expect(await link(0).task()).toEqual(task);
    expect(hasTask(folder, 0)).toBe(true);
    const left = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'));
    expect(left.join()).not.toContain('secret');
  });

  it('hands on messages as they were, in order, each once, and none that is not whole', () => {
    const read = openMessages(folder, 0);
    expect(read()).toEqual([]);
    const trainer = link(0);
    const odd = { type: 'burn-in', step: 3, lossNats: NaN } as const;
    trainer.send(step(1330));
    trainer.send(odd);
    expect(read()).toEqual([step(1330), odd]);
    trainer.send({ type: 'finished' });
    const path = join(folder, 'messages-0');
    const whole = readFileSync(path, 'latin1').trimEnd().split('\n').at(-1)!; // three lines
    appendFileSync(path, whole.slice(0, 5));
    expect(read()).toEqual([{ type: 'finished' }]);
    appendFileSync(path, `${whole.slice(5)}\n`);
    expect(read()).toEqual([{ type: 'finished' }]);
    expect(openMessages(folder, 0)()).toHaveLength(4); // by whoever takes over
  });

  it('keeps executions apart: one that was given up is told so by the next', async () => {
    giveTask(folder, 0, task);
    const first = link(0);
    await first.task();
    expect([newestExecution(folder), isHeard(folder, 0)]).toEqual([0, false]);
    noteHeard(folder, 0);
    askToStop(folder);
    giveTask(folder, 2, task); // Slurm may have begun another that nobody told what to do
    expect([newestExecution(folder), isHeard(folder, 2), isHeard(folder, 0)]).toEqual([2, false, true]);
    const second = link(2);
    await until(() => first.told.gone > 0);
    expect(second.told).toEqual({ stop: 0, gone: 0 }); // that stop was meant for the first
    first.send({ type: 'finished' });
    expect(openMessages(folder, 2)()).toEqual([]);
  });

  it('tells the trainer to save when asked to, or when nobody follows, and that the folder is gone', async () => {
    const asked = link(0);
    askToStop(folder);
    await until(() => asked.told.stop > 0);
    rmSync(join(folder, 'stop'));
    const [left, followed] = [link(0, 600), link(0, 60_000)];
    await until(() => left.told.stop > 0);
    expect(followed.told).toEqual({ stop: 0, gone: 0 });
    rmSync(folder, { recursive: true });
    await until(() => followed.told.gone > 0);
  });
});
