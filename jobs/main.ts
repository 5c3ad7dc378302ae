// The worker process: reads its settings, works until it is told to stop.
import { exactGpuSettings, homeFolder, hubAccess, leaseTimes, numCores, workerDatabaseUrl } from '../src/settings.ts';
import { openDatabase } from '../src/store/database.ts';
import { log } from '../src/log.ts';
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
  () => openDatabase(url),
  () => stop.signal.aborted,
);
try {
  const options = { database, home: homeFolder(), hub: hubAccess(), ...leaseTimes(), numCores: numCores() };
  await runWorker(options, stop.signal);
} catch (error) {
  log.fatal(error, 'worker failed');
  process.exitCode = 1;
} finally {
  await database.close();
}
process.exit();
