// `tiresias clean`: removes what nobody needs from the disk of this machine, or shows it; a worker does the same by itself now and then.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { findRubbish, type Rubbish } from '../../jobs/cleaning.ts';
import { cleanUp } from '../../jobs/janitor.ts';
import { readDiskUsage } from '../disk-usage.ts';
import { diskQuotaBytes, durationMs, homeFolder } from '../settings.ts';
import { recordAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { KEEPING, type Keeping } from '../store/retention.ts';
import { withDatabase } from './own-database.ts';
import { formatBytes, formatTable } from './table.ts';
import { say, untilStopped } from './until-stopped.ts';

interface CleanOptions {
  readonly dryRun?: true;
  readonly olderThan: number;
  readonly keep: Keeping;
  readonly json?: true;
}

const DAY_MS = 86_400_000;
const HELP = `
Only what jobs have left that are over: a job that waits, runs or is paused keeps everything, and so do forks' starts and
checkpoints of other engines. --keep says which checkpoints of the others stay:
  promised   what training keeps: the newest keepCheckpoints of each run, and all that were scored
  evaluated  the newest of each run, and all that were scored
  newest     the newest of each run
  none       the newest of each run of failed jobs, from which they can be retried
Scores, steps and manifests stay, always. Steps whose checkpoints are gone, \`tiresias verify\` takes again from those before.
Also removed: half-written checkpoints, burn-ins, and caches of datasets on the network, which are fetched again.

It works on TIRESIAS_HOME of this machine and on DATABASE_URL (or the embedded database), with or without a server.

Examples:
  $ tiresias clean --dry-run
  $ tiresias clean --keep newest --older-than 7d
`;

export function addCleanCommand(program: Command): void {
  program
    .command('clean')
    .description('remove what nobody needs from the disk')
    .option('--dry-run', 'show what would be removed, and remove nothing')
    .option('--older-than <time>', 'jobs that ended, and caches used, longer ago: 12h, 30d', parseAge, 30 * DAY_MS)
    .addOption(new Option('--keep <which>', 'checkpoints that stay').choices(KEEPING).default('promised'))
    .option('--json', 'print one object')
    .addHelpText('after', HELP)
    .action((options: CleanOptions) =>
      withDatabase((database) => (options.dryRun ? show(database, options) : clean(database, options))),
    );
}

async function show(database: Database, { olderThan, keep, json }: CleanOptions): Promise<void> {
  const home = homeFolder();
  const found = await findRubbish(database, { home, keeping: keep, olderThanMs: olderThan });
  const usage = await readDiskUsage(home, diskQuotaBytes());
  const sizeBytes = sumOf(found);
  if (json) {
    const removable = found.map(({ kind, path, sizeBytes: size }) => ({ kind, path, sizeBytes: size }));
    process.stdout.write(`${JSON.stringify({ removable, sizeBytes, ...usage })}\n`);
    return;
  }
  const rows = found.map(({ kind, sizeBytes: size, path }) => [kind, formatBytes(size), path]);
  process.stdout.write(formatTable([...(rows.length > 0 ? [['WHAT', 'SIZE', 'WHERE'], ...rows] : [])]));
  const quota = usage.quotaBytes === null ? '' : `, the quota is ${formatBytes(usage.quotaBytes)}`;
  process.stdout.write(
    `${formatBytes(sizeBytes)} of ${formatBytes(usage.usedBytes)} would be freed${quota}, ${formatBytes(usage.freeBytes)} are free\n`,
  );
}

async function clean(database: Database, { olderThan, keep, json }: CleanOptions): Promise<void> {
  const home = homeFolder();
  await recordAudit(database, {
    tokenId: null,
    caller: 'command line',
    action: `clean --keep ${keep} --older-than ${olderThan / 1_000}s`,
  });
  await untilStopped('what was removed is gone, the rest is as it was', async (signal, progress) => {
    const options = { home, keeping: keep, olderThanMs: olderThan };
    let doneBytes = 0;
    const freed = await cleanUp(
      database,
      options,
      (rubbish, _place, all) => {
        doneBytes += rubbish.sizeBytes;
        progress(sumOf(all), doneBytes, rubbish.path);
      },
      signal,
    );
    if (freed === undefined) return say('another process is cleaning already');
    const { numRemoved, freedBytes } = freed;
    process.stdout.write(
      json ? `${JSON.stringify(freed)}\n` : `removed ${numRemoved}, freed ${formatBytes(freedBytes)}\n`,
    );
  });
}

function sumOf(all: readonly Rubbish[]): number {
  return all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function parseAge(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new InvalidArgumentError('expected a time such as 90s, 30m, 12h or 30d.');
  return ms;
}
