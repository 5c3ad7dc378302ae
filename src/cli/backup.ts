// `tiresias backup` and `tiresias restore`: the rows of the database, then the files of TIRESIAS_HOME, in one folder, and back. docs/backup.md says why in this order.
import { constants } from 'node:fs';
import { copyFile, mkdir, readFile, readlink, rename, rm, symlink, utimes, writeFile, lstat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { entriesOf, folderBytes } from '../disk-usage.ts';
import { DataError, InputError, messageOf } from '../errors.ts';
import { homeFolder } from '../settings.ts';
import { checkLoadable, dumpRows, loadRows } from '../store/dump.ts';
import { withDatabase } from './own-database.ts';
import { formatBytes } from './table.ts';
import { say, untilStopped } from './until-stopped.ts';

const contentSchema = z.object({
  format: z.literal(1),
  createdAt: z.string(),
  migrations: z.array(z.string()),
  numRows: z.record(z.string(), z.int()),
});

/** Of TIRESIAS_HOME: built or fetched again, or not to be copied while it is in use. */
const LEFT_OUT = ['suite', 'cache', 'postgres'];
type Show = (total: number, done: number, words: string) => void;

export function addBackupCommand(program: Command): void {
  program
    .command('backup')
    .description('copy the database and the files of the jobs into a new folder')
    .argument('<folder>', 'which must not be there')
    .addHelpText(
      'after',
      '\nServer and workers may go on. The suite, caches and the embedded database’s own files are left out. The folder holds hashes of tokens and all that\nwas trained: keep it as you keep the database.\n\nExample:\n  $ tiresias backup /backup/2026-11-26',
    )
    .action((folder: string) =>
      untilStopped('the backup was not made', (signal, show) => backup(resolve(folder), signal, show)),
    );
}

export function addRestoreCommand(program: Command): void {
  program
    .command('restore')
    .description('bring back what `tiresias backup` has copied, into an empty database and home')
    .argument('<folder>', 'of a backup')
    .addHelpText(
      'after',
      '\nWith no server and no worker running. DATABASE_URL (or the embedded database) must be empty, and TIRESIAS_HOME have no jobs; it must be at the path\nthat it had, because rows name checkpoints by their paths.\n\nExample:\n  $ TIRESIAS_HOME=/data/tiresias tiresias restore /backup/2026-11-26',
    )
    .action((folder: string) =>
      untilStopped('what was restored is not whole: empty database and home, then restore again', (signal, show) =>
        restore(resolve(folder), signal, show),
      ),
    );
}

async function backup(folder: string, signal: AbortSignal, show: Show): Promise<void> {
  const home = homeFolder();
  if (await isThere(folder)) throw new InputError(`${folder} is there already: name a new folder`);
  const partial = `${folder}.partial`;
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(partial, { mode: 0o700 }).catch((cause: unknown) => {
    throw new InputError(`${partial} cannot be made: ${messageOf(cause)}; remove what an earlier backup left`, {
      cause,
    });
  });
  try {
    await mkdir(join(partial, 'rows'));
    const content = await withDatabase((database) =>
      dumpRows(database, join(partial, 'rows'), (table) => say(`rows: ${table}`)),
    );
    await copyHome(home, join(partial, 'home'), signal, show);
    const about = { format: 1, createdAt: new Date().toISOString(), ...content };
    await writeFile(join(partial, 'backup.json'), `${JSON.stringify(about, null, 2)}\n`);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  process.stdout.write(`${folder}: ${formatBytes(await folderBytes(folder))}\n`);
}

async function restore(folder: string, signal: AbortSignal, show: Show): Promise<void> {
  const home = homeFolder();
  const text = await readFile(join(folder, 'backup.json'), 'utf8').catch((cause: unknown) => {
    throw new InputError(`${folder} is no backup: ${messageOf(cause)}`, { cause });
  });
  const content = contentSchema.safeParse(JSON.parse(text));
  if (!content.success) throw new DataError(`${folder}/backup.json: ${z.prettifyError(content.error)}`);
  if ((await entriesOf(join(home, 'jobs'))).length > 0)
    throw new InputError(`${join(home, 'jobs')} is not empty: restore into a new TIRESIAS_HOME`);
  await withDatabase(async (database) => {
    await checkLoadable(database, content.data);
    await copyHome(join(folder, 'home'), home, signal, show); // a job must not be claimed before its files are there
    await loadRows(database, join(folder, 'rows'), content.data, (table) => say(`rows: ${table}`));
  });
  const numRows = Object.values(content.data.numRows).reduce((sum, count) => sum + count, 0);
  process.stdout.write(`${numRows} rows and the files of ${content.data.createdAt} are back\n`);
}

async function copyHome(from: string, to: string, signal: AbortSignal, show: Show): Promise<void> {
  const names = (await entriesOf(from)).map(({ name }) => name).filter((name) => !LEFT_OUT.includes(name));
  const sizes = await Promise.all(names.map((name) => folderBytes(join(from, name))));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  let done = 0;
  const onFile = (path: string, sizeBytes: number) => {
    signal.throwIfAborted();
    done += sizeBytes;
    show(Math.max(total, done), done, path);
  };
  await mkdir(to, { recursive: true });
  for (const name of names) await copyEntry(join(from, name), join(to, name), onFile);
}

/** A file, a link or a folder with all that is in it; what disappears meanwhile, as a pruned checkpoint does, is left out. */
async function copyEntry(from: string, to: string, onFile: (path: string, sizeBytes: number) => void): Promise<void> {
  try {
    const found = await lstat(from);
    if (found.isSymbolicLink()) await symlink(await readlink(from), to);
    else if (found.isDirectory()) {
      await mkdir(to, { recursive: true, mode: found.mode & 0o777 });
      for (const { name } of await entriesOf(from)) {
        if (!name.includes('.writing-')) await copyEntry(join(from, name), join(to, name), onFile); // a checkpoint that is not whole
      }
    } else if (found.isFile()) {
      await copyFile(from, to, constants.COPYFILE_FICLONE);
      await utimes(to, found.atime, found.mtime);
      onFile(from, found.size);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || (await isThere(from))) throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
