// Two "hosts" and a database in network namespaces of their own on this machine, joined by a bridge: links that can be cut, or made one-way, without touching
// anything else. It takes root and iproute2. The file system stays one, as it must for workers on several hosts.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface HostNetwork {
  /** Of the database. */
  readonly address: string;
  /** The words that run a program on a host, or beside the database. */
  prefixOf(place: Place): string[];
  /** Takes the host's cable out, or puts it back. */
  setLink(host: 'a' | 'b', state: 'up' | 'down'): void;
  /** What comes for the host from the database gets lost on the way, while the host can send: a half-open link. Or no longer. */
  setDeaf(host: 'a' | 'b', isDeaf: boolean): void;
  /** Removes all of it. */
  remove(): void;
}

export type Place = 'a' | 'b' | 'database';

const PLACES: readonly Place[] = ['a', 'b', 'database'];
/** A network of RFC 5737, which is for documents and is routed nowhere. */
const addressOf = (place: Place) => `203.0.113.${10 + PLACES.indexOf(place)}`;

/** Why there can be none here; undefined where there can. */
export function whyNoHosts(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'network namespaces take root on Linux';
  const probe = `tq${process.pid}probe`;
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (made.status !== 0) return `ip netns does not work here: ${made.error?.message ?? made.stderr.trim()}`;
  spawnSync('ip', ['netns', 'delete', probe]);
  return undefined;
}

/** What trials have left that were killed: namespaces that carry the id of a process that is gone. */
export function removeLeftHosts(): void {
  const listed = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' }).stdout;
  for (const [name, pid] of listed.matchAll(/^tq(\d+)[abd]\b/gm)) {
    if (!existsSync(`/proc/${pid}`)) spawnSync('ip', ['netns', 'delete', name]);
  }
}

/** Makes the network; names begin with `tq` and this process's id. What was made is removed when the making fails. */
export function makeHosts(): HostNetwork {
  removeLeftHosts();
  const name = (what: string) => `tq${process.pid}${what}`;
  const namespace = (place: Place) => name(place === 'database' ? 'd' : place);
  const bridge = name('s'); // in the database's namespace
  const ip = (...words: string[]) => void execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const inside = (place: Place, ...words: string[]) => ip('-n', namespace(place), ...words);
  const remove = () => {
    for (const place of PLACES) spawnSync('ip', ['netns', 'delete', namespace(place)]); // and the links that end in it
  };
  try {
    for (const place of PLACES) {
      ip('netns', 'add', namespace(place));
      inside(place, 'link', 'set', 'lo', 'up');
    }
    inside('database', 'link', 'add', bridge, 'type', 'bridge');
    inside('database', 'address', 'add', `${addressOf('database')}/24`, 'dev', bridge);
    inside('database', 'link', 'set', bridge, 'up');
    for (const host of ['a', 'b'] as const) {
      const peer = ['peer', 'name', name(`${host}1`), 'netns', namespace('database')];
      inside(host, 'link', 'add', name(`${host}0`), 'type', 'veth', ...peer);
      inside('database', 'link', 'set', name(`${host}1`), 'master', bridge, 'up');
      inside(host, 'address', 'add', `${addressOf(host)}/24`, 'dev', name(`${host}0`));
      inside(host, 'link', 'set', name(`${host}0`), 'up');
    }
  } catch (error) {
    remove();
    throw error;
  }
  return {
    address: addressOf('database'),
    prefixOf: (place) => ['ip', 'netns', 'exec', namespace(place)],
    setLink: (host, state) => inside('database', 'link', 'set', name(`${host}1`), state),
    setDeaf: (host, isDeaf) =>
      inside('database', 'route', isDeaf ? 'add' : 'delete', 'blackhole', `${addressOf(host)}/32`),
    remove,
  };
}
