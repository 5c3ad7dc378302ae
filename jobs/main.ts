// The worker process: reads its settings, works until it is told to stop.
import { homeFolder, leaseTimes, numCores, workerDatabaseUrl } from '../src/settings.ts';
import { openDatabase } from '../src/store/database.ts';
import { log } from '../src/log.ts';
import { runWorker } from './worker.ts';

const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
// Started by another process of ours, it ends with it.
process.on('disconnect', () => stop.abort());

const database = await openDatabase(workerDatabaseUrl());
try {
  await runWorker({ database, home: homeFolder(), ...leaseTimes(), numCores: numCores() }, stop.signal);
} catch (error) {
  log.fatal(error, 'worker failed');
  process.exitCode = 1;
} finally {
  await database.close();
}
process.exit();
