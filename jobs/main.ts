// The worker process: reads its settings, works until it is told to stop.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isRunningFromSource, packagePath } from '../src/package-root.ts';
import {
  childEnvironment,
  cleanAfterMs,
  diskQuotaBytes,
  exactGpuSettings,
  executorName,
  holdMs,
  homeFolder,
  hubAccess,
  leaseTimes,
  numCores,
  numSlots,
  slurmEnvironment,
  slurmSettings,
  stallLimitMs,
  visibleCards,
  workerDatabaseUrl,
} from '../src/settings.ts';
import { openDatabase } from '../src/store/database.ts';
import { newOwner } from '../src/store/jobs.ts';
import { log } from '../src/log.ts';
import { isCardBackendHere } from '../src/tensor/installed.ts';
import type { Executor } from './executor/executor.ts';
import { localExecutor } from './executor/local.ts';
import { slurmClient } from './executor/slurm-client.ts';
import { slurmExecutor } from './executor/slurm.ts';
import { startJanitor } from './janitor.ts';
import { keepJobLogs } from './job-log.ts';
import { usableCards } from './machine.ts';
import { persistently } from './persistence.ts';
import { registerWorker, type Registration } from './registration.ts';
import { openSlots } from './slots.ts';
import { leaveInTime } from './stopping.ts';
import { runWorker } from './worker.ts';

const stop = new AbortController();
leaveInTime(stop);

exactGpuSettings(); // its trainers inherit them
const url = workerDatabaseUrl();
const database = await persistently(
  () => openDatabase(url, leaseTimes().leaseMs / 2), // a cut link is noticed while the lease still holds
  () => stop.signal.aborted,
);
const keptLogs = keepJobLogs(database);
let registration: Registration | undefined;
let janitor: ReturnType<typeof startJanitor> | undefined;
try {
  const executor =
    executorName() === 'slurm' ? await openSlurm() : localExecutor(numCores(), stallLimitMs(), childEnvironment);
  const quotaBytes = diskQuotaBytes();
  const [home, cleanMs] = [homeFolder(), cleanAfterMs()];
  const options = { database, home, hub: hubAccess(), ...leaseTimes(), numCores: numCores(), executor, quotaBytes };
  janitor = cleanMs === undefined ? undefined : startJanitor(database, home, cleanMs);
  const cards = executor.isHere ? usableCards(visibleCards(), isCardBackendHere()) : [];
  const size = { numSlots: numSlots(Math.max(1, cards.length)) };
  const owners = Array.from({ length: size.numSlots }, () => newOwner(hostname(), process.pid));
  registration = registerWorker(database, { host: hostname(), pid: process.pid, owners, ...size }, options.beatMs);
  const slots = openSlots({ ...size, cards, worker: registration.id, holdMs: holdMs() });
  log.info({ ...size, cards }, 'slots');
  const order = () => registration?.order() ?? null;
  await Promise.all(owners.map((owner) => runWorker({ ...options, owner, order, slots }, stop.signal)));
  if (order() === 'drain') process.send?.('drained'); // whoever keeps workers alive starts no other in its place
} catch (error) {
  log.fatal(error, 'worker failed');
  process.exitCode = 1;
} finally {
  await registration?.close();
  await janitor?.stop();
  await keptLogs.close();
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
