// The quota of the disk, kept before a job trains: what its checkpoints will take must fit beside what is there. Short of room, what nobody needs is removed first.
import { join } from 'node:path';
import { StorageError } from '../src/errors.ts';
import { folderBytes, readDiskUsage } from '../src/disk-usage.ts';
import type { JobSpec } from '../src/job-spec.ts';
import { log } from '../src/log.ts';
import { readModelConfig } from '../src/model/config.ts';
import { countParameters } from '../src/model/parameters.ts';
import type { Database } from '../src/store/database.ts';
import { diskOf } from '../src/train/disk.ts';
import { cleanUp } from './janitor.ts';
import { isTrainedOutside } from './outside.ts';
import type { Preparation } from './preparation.ts';

export interface QuotaOptions {
  readonly database: Database;
  readonly home: string;
  /** Undefined: no quota. */
  readonly quotaBytes?: number | undefined;
}

/** Throws StorageError, with what to do, when the job's checkpoints would go over the quota. */
export async function needRoom(
  { database, home, quotaBytes }: QuotaOptions,
  jobId: string,
  spec: JobSpec,
  { plan, model }: Preparation,
): Promise<void> {
  if (quotaBytes === undefined) return;
  const trained = spec.arms.filter((arm) => arm !== 'published' && !isTrainedOutside(spec, arm));
  const { bytes } = diskOf(plan, trained.length, countParameters(readModelConfig(model.configPath)));
  const ownBytes = await folderBytes(join(home, 'jobs', jobId)); // of earlier attempts: a part of what it needs
  const moreBytes = Math.max(0, bytes - ownBytes);
  const isOver = async () => (await readDiskUsage(home, quotaBytes)).usedBytes + moreBytes > quotaBytes;
  if (!(await isOver())) return;
  log.info({ job: jobId, moreBytes, quotaBytes }, 'the quota leaves too little room; cleaning up');
  await cleanUp(database, { home, keeping: 'promised', olderThanMs: 0 });
  if (!(await isOver())) return;
  const { usedBytes } = await readDiskUsage(home, quotaBytes);
  throw new StorageError(
    `${home}: the job's checkpoints take ${inGb(moreBytes)} more, ${inGb(usedBytes)} of the quota of ${inGb(quotaBytes)} are used: ` +
      'see `tiresias clean --dry-run --keep newest`, or raise TIRESIAS_DISK_QUOTA and start the workers anew; then retry the job',
  );
}

function inGb(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
}
