// The worker process: reads its settings, works until it is told to stop.
import { join } from 'node:path';
import { isRunningFromSource, packagePath } from '../src/package-root.ts';
import {
  exactGpuSettings,
  executorName,
  homeFolder,
  hubAccess,
  leaseTimes,
  numCores,
  numJobsAtOnce,
  slurmEnvironment,
  slurmSettings,
  stallLimitMs,
  workerDatabaseUrl,
} from '../src/settings.ts';
import { openDatabase } from '../src/store/database.ts';
import { log } from '../src/log.ts';
import type { Executor } from './executor/executor.ts';
import { localExecutor } from './executor/local.ts';
import { slurmClient } from './executor/slurm-client.ts';
import { slurmExecutor } from './executor/slurm.ts';
import { persistently } from './persistence.ts';
import { runWorker } from './worker.ts';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
// Started by another process of ours, it ends with it – also when that one was gone before this line.
process.on('disconnect', () => stop.abort());
if (process.connected === false) stop.abort();

exactGpuSettings(); // its trainers inherit them
const url = workerDatabaseUrl();
const database = await persistently(
  () => openDatabase(url, leaseTimes().leaseMs / 2), // a cut link is noticed while the lease still holds
  () => stop.signal.aborted,
);
try {
  const executor = executorName() === 'slurm' ? await openSlurm() : localExecutor(numCores(), stallLimitMs());
  const options = { database, home: homeFolder(), hub: hubAccess(), ...leaseTimes(), numCores: numCores(), executor };
  await Promise.all(Array.from({ length: numJobsAtOnce() }, () => runWorker(options, stop.signal)));
} catch (error) {
  log.fatal(error, 'worker failed');
  process.exitCode = 1;
} finally {
  await database.close();
}
process.exit();

/** Throws InputError where Slurm does not answer as it should: a worker that could hand over nothing takes no job. */
async function openSlurm(): Promise<Executor> {
  const { url, user, token, resources, setup, pollMs } = slurmSettings();
  const client = slurmClient({ url, user, token });
  await client.check(resources.partition);
  log.info({ url, user, ...resources }, 'trainers run on Slurm');
  const trainer = join(import.meta.dirname, isRunningFromSource ? 'trainer.ts' : 'trainer.js');
  const command = [process.execPath, ...(isRunningFromSource ? ['--import', 'tsx'] : []), trainer];
  const place = { home: homeFolder(), command, workingFolder: packagePath() };
  return slurmExecutor({ client, ...place, resources, environment: slurmEnvironment(resources.cpus), setup, pollMs });
}
