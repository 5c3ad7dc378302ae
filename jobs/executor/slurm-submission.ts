// Submissions to Slurm: each has a folder of its own below the job's, `slurm/ARM-ATTEMPT.N`, and a comment that names it, by which it is found in Slurm again. So
// nothing is submitted twice, be it that an answer was lost or that the worker died after it had submitted.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TransientError } from '../../src/errors.ts';
import { log } from '../../src/log.ts';
import type { Task, TrainerPlace } from './executor.ts';
import { giveTask, isHeard, newestExecution, raiseFollower } from './shared-folder.ts';
import { isOver, type SlurmClient, type SlurmJob, type SlurmResources } from './slurm-client.ts';

export interface SlurmOptions {
  readonly client: SlurmClient;
  readonly home: string;
  readonly resources: SlurmResources;
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of shell before the trainer: `module load …`. */
  readonly setup: string | undefined;
  /** What runs a trainer, without its arguments, in `workingFolder`. */
  readonly command: readonly string[];
  readonly workingFolder: string;
  /** How often Slurm is asked of a job. */
  readonly pollMs: number;
}

const RETRY_MS = 1_000;

/** What was asked of a trainer; written from outside while it is followed. */
export interface Asked {
  /** On performance.now(): when it is to be cancelled if it has not ended; set as soon as it is to stop. */
  killAtMs: number | undefined;
  isAbandoned: boolean;
}

/** One execution of a submission. */
export interface Execution {
  readonly folder: string;
  /** Undefined when Slurm knows no such job any more. */
  readonly slurmId: number | undefined;
  readonly number: number;
  /** An earlier attempt followed it, and logged what it had written. */
  readonly isLeft?: boolean;
}

/** The trainer is not wanted any more, and Slurm never had it. */
export class GivenUp extends Error {}

export interface Left {
  readonly folder: string;
  /** Alive in Slurm. */
  readonly job: SlurmJob | undefined;
}

/** What is left of the arm's newest submission: one that Slurm has, or that has more to say. What is left of others is removed. */
export async function findLeft({ client, home }: SlurmOptions, place: TrainerPlace): Promise<Left | undefined> {
  const root = slurmFolder(home, place);
  const names = submissionsOf(root, place);
  if (names.length === 0) return undefined;
  const alive = (await client.listJobs()).filter((job) => !isOver(job));
  const found = names.map((name) => ({
    folder: join(root, name),
    job: alive.find(({ comment }) => comment === commentOf(place, name)),
  }));
  const left = found.find(({ folder, job }) => job !== undefined || hasUnheard(folder));
  for (const other of found.filter((one) => one !== left)) {
    if (other.job !== undefined) await client.cancel(other.job.id);
    rmSync(other.folder, { recursive: true, force: true });
  }
  if (left !== undefined)
    log.info(
      { job: place.jobId, attempt: place.attempt, arm: place.arm, slurmJob: left.job?.id },
      'taking over what was left',
    );
  return left;
}

/** Whether the newest execution that was told what to do has not been heard to its end. */
export function hasUnheard(folder: string): boolean {
  const newest = newestExecution(folder);
  return newest !== undefined && !isHeard(folder, newest);
}

/** Submits; when it is not known whether Slurm has it, it is looked up by its comment before it is submitted again. */
export async function submit(options: SlurmOptions, place: TrainerPlace, task: Task, asked: Asked): Promise<Execution> {
  const { client, home } = options;
  const root = slurmFolder(home, place);
  const name = nextName(root, place);
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  giveTask(folder, 0, task);
  raiseFollower(folder, 0);
  const comment = commentOf(place, name);
  let mayHaveIt = false;
  try {
    const slurmId = await patiently(async () => {
      const known = mayHaveIt ? (await client.listJobs()).find((job) => job.comment === comment) : undefined;
      mayHaveIt = true;
      return known?.id ?? client.submit(requestOf(options, place, folder, comment));
    }, asked);
    log.info({ job: place.jobId, attempt: place.attempt, arm: place.arm, slurmJob: slurmId }, 'submitted to Slurm');
    return { folder, slurmId, number: 0 };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true }); // should Slurm have it, it ends when it finds no folder
    throw error;
  }
}

function requestOf(options: SlurmOptions, place: TrainerPlace, folder: string, comment: string) {
  const { resources, environment, workingFolder, setup, command } = options;
  const words = [...command, folder].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  const script = [
    '#!/bin/sh',
    ...(setup === undefined ? [] : [setup]),
    `exec ${words.join(' ')} "\${SLURM_RESTART_COUNT:-0}"`,
  ];
  return {
    ...{ name: `tiresias-${place.arm}`, comment, script: `${script.join('\n')}\n` },
    ...{ workingFolder, outputPath: `${folder}.log`, environment, resources },
  };
}

/** Does the work again and again while Slurm does not answer. Throws GivenUp when the trainer is not wanted any more. */
export async function patiently<T>(work: () => Promise<T>, asked: Asked): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      if (isAsked(asked)) throw new GivenUp();
      log.warn({ message: error.message }, 'Slurm does not answer; waiting');
      await sleep(RETRY_MS);
    }
  }
}

export function isAsked({ killAtMs, isAbandoned }: Asked): boolean {
  return killAtMs !== undefined || isAbandoned;
}

function slurmFolder(home: string, { jobId }: TrainerPlace): string {
  return join(home, 'jobs', jobId, 'slurm');
}

/** The names of an arm's submissions that have a folder, ARM-ATTEMPT.N, newest first. */
function submissionsOf(root: string, { arm }: TrainerPlace): string[] {
  const pattern = new RegExp(`^${arm}-(\\d+)\\.(\\d+)$`);
  return namesIn(root)
    .filter((name) => pattern.test(name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

/** A name that neither a folder nor a log has. */
function nextName(root: string, { arm, attempt }: TrainerPlace): string {
  const taken = new Set(namesIn(root).map((name) => name.replace(/\.log$/, '')));
  let n = 1;
  while (taken.has(`${arm}-${attempt}.${n}`)) n += 1;
  return `${arm}-${attempt}.${n}`;
}

function namesIn(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []; // nothing was submitted yet
    throw error;
  }
}

function commentOf({ jobId }: TrainerPlace, name: string): string {
  return `tiresias:${jobId}/${name}`;
}
