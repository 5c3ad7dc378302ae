// What trainers write on stdout and stderr, and the main things that they say, as log lines of their worker: with the job, the attempt and the arm.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { log, LOG_LEVELS, type LogLevel } from '../src/log.ts';
import type { TrainerPlace } from './executor/executor.ts';
import type { TrainerMessage } from './messages.ts';

/** Logs every line of a trainer's output. */
export function logOutput(output: Readable | null, place: TrainerPlace): void {
  if (output !== null) createInterface({ input: output }).on('line', (line) => logTrainerLine(line, place));
}

/** A line of the log keeps its level and its fields; any other, as of a library, becomes one. */
export function logTrainerLine(line: string, place: TrainerPlace): void {
  if (line.trim() === '') return;
  const { pid: trainerPid, level, msg, ...others } = parsed(line);
  const fields = Object.fromEntries(Object.entries(others).filter(([key]) => key !== 'time' && key !== 'hostname'));
  const isOurs = typeof level === 'string' && Object.hasOwn(LOG_LEVELS, level);
  if (isOurs) log[level as LogLevel]({ ...fields, ...named(place), trainerPid }, String(msg ?? ''));
  else log.info({ ...named(place), isOutput: true }, line);
}

/** Logs what a trainer says that a reader of the log wants to know; single steps are in the records. */
export function noteMessage(message: TrainerMessage, place: TrainerPlace): void {
  const fields = named(place);
  if (message.type === 'phase') log.info(fields, `trainer: ${message.phase}`);
  else if (message.type === 'checkpoint') log.info({ ...fields, step: message.checkpoint.step }, 'checkpoint saved');
  else if (message.type === 'evaluation') {
    const { step, evaluation } = message;
    log.info({ ...fields, step, benchmark: evaluation.benchmark, protocol: evaluation.protocol }, 'scored');
  } else if (message.type === 'failed') log.error({ ...fields, reason: message.reason }, `trainer: ${message.message}`);
}

function named({ jobId: job, attempt, arm }: TrainerPlace) {
  return { job, attempt, arm };
}

function parsed(line: string): Record<string, unknown> {
  if (!line.startsWith('{')) return {};
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return {};
  }
}
