// Where the steps of a run can be taken again from: its start checkpoint, the burn-in's, and the checkpoints of its own that are kept and whole.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileSha256, verifyCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { DataError, messageOf } from '../../src/errors.ts';
import type { Arm } from '../../src/job-spec.ts';
import { findBurnIn, type Preparation } from '../preparation.ts';
import { jobOfBurnIn, type JobRecord, type RecordedCheckpoint } from '../record.ts';
import type { Finding } from './finding.ts';

export interface StartPoint {
  readonly step: number;
  readonly folder: string;
  /** Whether it is one of the run's own, to be landed on, too. */
  readonly isOwn: boolean;
}

/** The start points of an arm in order of steps, and what was found on the way: a checkpoint that is not the recorded one differs. */
export async function findStarts(
  record: JobRecord,
  preparation: Preparation,
  arm: Arm,
  options: { readonly home: string; readonly isStartTheSame: boolean },
): Promise<{ starts: readonly StartPoint[]; findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const starts: StartPoint[] = [];
  const first = await firstStart(record, preparation, options);
  if (typeof first === 'string') {
    findings.push({
      subject: 'steps from the start',
      verdict: 'not checked',
      arm,
      step: record.plan.from,
      words: first,
    });
  } else starts.push(first);
  for (const checkpoint of record.arms[arm]?.checkpoints ?? []) {
    const subject = 'checkpoint';
    const { step, manifestSha256: expected } = checkpoint;
    const folder = locate(checkpoint, options.home);
    if (folder === undefined) {
      findings.push({ subject, verdict: 'not checked', arm, step, words: `${checkpoint.path} is not here` });
      continue;
    }
    const fault = await faultOf(folder, expected);
    if (fault === undefined) {
      findings.push({ subject, verdict: 'equal', arm, step, expected, found: expected });
      starts.push({ step, folder, isOwn: true });
    } else findings.push({ subject, verdict: 'differs', arm, step, ...fault });
  }
  return { starts: starts.sort((a, b) => a.step - b.step), findings };
}

/** The folder, or why there is none. */
async function firstStart(
  record: JobRecord,
  { model }: Preparation,
  { home, isStartTheSame }: { readonly home: string; readonly isStartTheSame: boolean },
): Promise<StartPoint | string> {
  const { plan, burnIn } = record;
  const step = plan.from;
  if (plan.resume !== 'burn-in') {
    const folder = model.checkpoints.get(step);
    if (folder === undefined) return `${model.name} has no checkpoint at step ${step} here`;
    return isStartTheSame
      ? { step, folder, isOwn: false }
      : "the start checkpoint's files are not all here and the job's";
  }
  const folder = await findBurnIn(home, jobOfBurnIn(record), plan);
  if (folder === undefined || burnIn === undefined) return "the burn-in's checkpoint is not here";
  const sha256 = await fileSha256(join(folder, 'manifest.json'));
  return sha256 === burnIn.manifestSha256 ? { step, folder, isOwn: false } : `${folder} is not the burn-in of the job`;
}

/** Where it was written, or the same place below this home folder. */
function locate({ path }: RecordedCheckpoint, home: string): string | undefined {
  const below = /[\\/](jobs[\\/][^\\/]+[\\/]attempt-\d+[\\/].*)$/.exec(path)?.[1];
  return [path, ...(below === undefined ? [] : [join(home, below)])].find((folder) =>
    existsSync(join(folder, 'manifest.json')),
  );
}

async function faultOf(
  folder: string,
  expected: string,
): Promise<Pick<Finding, 'expected' | 'found' | 'words'> | undefined> {
  const found = await fileSha256(join(folder, 'manifest.json'));
  if (found !== expected) return { expected, found, words: `${join(folder, 'manifest.json')} is not the recorded one` };
  try {
    await verifyCheckpoint(folder);
    return undefined;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { words: messageOf(error) };
  }
}
