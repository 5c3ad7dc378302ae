// A real Slurm of two nodes on this machine, for tests: munged, slurmctld, a slurmd for each node, slurmrestd. It takes root and Slurm's packages. The daemons stay in
// the foreground as children and die with this process; `stop` ends them and all that they started, and what a killed run has left is ended by the next.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TestSlurm {
  readonly folder: string;
  /** What a worker needs to use it. */
  readonly settings: Readonly<Record<string, string>>;
  readonly token: string;
  /** Runs one of Slurm's commands: squeue, scontrol, sbatch, … */
  command(name: string, ...args: string[]): string;
  /** Kills the node's daemon and everything that runs on it, as when the machine has lost its power. */
  killNode(name: NodeName): void;
  startNode(name: NodeName): Promise<void>;
  stop(): Promise<void>;
}

export interface SlurmTimes {
  /** After how many seconds of silence a node is down. */
  readonly nodeTimeoutSeconds: number;
}

const NODES = ['n1', 'n2'] as const;
export type NodeName = (typeof NODES)[number];
const PROGRAMS = [
  '/usr/sbin/munged',
  '/usr/sbin/slurmctld',
  '/usr/sbin/slurmd',
  '/usr/sbin/slurmrestd',
  '/usr/bin/scontrol',
];
/** Two of those that Slurm 22.05 has, so that there is a choice; the plugins of the accounting database want one. */
const REST_VERSIONS = 'openapi/v0.0.37,openapi/v0.0.38';
const PREFIX = 'tiresias-test-';

/** Why there can be none here; undefined when there can. */
export function whyNoSlurm(): string | undefined {
  if (process.getuid?.() !== 0) return 'starting Slurm takes root';
  const missing = PROGRAMS.filter((path) => !existsSync(path));
  return missing.length === 0
    ? undefined
    : `${missing.join(', ')} not installed: \`npm run setup -- --system\` as root`;
}

/** Starts it; resolves when both nodes are idle and slurmrestd answers. The caller stops it. */
export async function startSlurm(times: SlurmTimes = { nodeTimeoutSeconds: 10 }): Promise<TestSlurm> {
  endLeftovers();
  const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-slurm-`));
  const daemons = new Map<string, ChildProcess>();
  const conf = join(folder, 'slurm.conf');
  const environment = { ...process.env, SLURM_CONF: conf };
  const start = (name: string, command: readonly string[], user?: string, more: Record<string, string> = {}) => {
    const output = openSync(join(folder, `${name}.log`), 'a');
    const as = user === undefined ? [] : [`--reuid=${user}`, `--regid=${groupOf(user)}`, '--clear-groups'];
    const env = { ...environment, ...more };
    const daemon = spawn('setpriv', [...as, '--pdeathsig=KILL', ...command], {
      env,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    daemons.set(name, daemon);
  };
  const command = (name: string, ...args: string[]) =>
    execFileSync(name, args, { env: environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const startNode = async (name: NodeName) => {
    start(name, ['slurmd', '-D', '-N', name]);
    await until(
      `${name} is idle`,
      () => command('sinfo', '-h', '-N', '-n', name, '-t', 'idle', '-o', '%N').includes(name),
      folder,
    );
  };
  const stop = async () => {
    for (const daemon of daemons.values()) daemon.kill('SIGKILL');
    await until('all of it has ended', () => endAllOf(folder) === 0, folder);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const restPort = await configure(folder, times);
    const munge = join(folder, 'munge');
    const files = ['key', 'pid', 'log', 'seed'].map((name) => `--${name}-file=${join(munge, name)}`);
    start('munged', ['munged', '-F', `--socket=${join(munge, 'socket')}`, ...files], 'munge');
    await until('munged listens', () => existsSync(join(munge, 'socket')), folder);
    start('slurmctld', ['slurmctld', '-D']);
    await Promise.all(NODES.map(startNode));
    const rest = ['slurmrestd', '-f', conf, '-a', 'rest_auth/jwt', '-s', REST_VERSIONS, `127.0.0.1:${restPort}`];
    start('slurmrestd', rest, 'nobody', { SLURM_JWT: 'daemon' });
    const url = `http://127.0.0.1:${restPort}`;
    await until('slurmrestd answers', async () => (await fetch(url).catch(() => undefined)) !== undefined, folder);
    const token = command('scontrol', 'token', 'username=root', 'lifespan=3600').trim().replace('SLURM_JWT=', '');
    const settings = {
      ...{ TIRESIAS_EXECUTOR: 'slurm', TIRESIAS_SLURM_URL: url, TIRESIAS_SLURM_TOKEN: token },
      ...{ TIRESIAS_SLURM_PARTITION: 'low', TIRESIAS_SLURM_POLL_MS: '250' },
    };
    const killNode = (name: NodeName) => {
      daemons.get(name)?.kill('SIGKILL');
      const steps = processIds().filter((pid) => readOf(pid, 'environ').includes(`\0SLURMD_NODENAME=${name}\0`));
      // What watches over a step goes first: it would tell that the step has ended.
      endAllOf(
        folder,
        (pid) => readOf(pid, 'cmdline').startsWith('slurmstepd') && steps.some((one) => parentOf(one) === pid),
      );
      endAllOf(folder, (pid) => steps.includes(pid));
    };
    return { folder, settings, token, command, killNode, startNode, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Writes keys and configuration; answers the port for slurmrestd. */
async function configure(folder: string, { nodeTimeoutSeconds }: SlurmTimes): Promise<number> {
  const [ctld, first, second, rest] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  execFileSync('chmod', ['755', folder]);
  const munge = join(folder, 'munge');
  for (const name of ['munge', 'state', ...NODES]) mkdirSync(join(folder, name));
  writeFileSync(join(munge, 'key'), randomBytes(128), { mode: 0o600 });
  writeFileSync(join(folder, 'state', 'jwt.key'), randomBytes(32), { mode: 0o600 });
  execFileSync('chown', ['-R', 'munge:munge', munge]);
  const host = hostname().split('.')[0];
  const node = (name: string, port: number) =>
    `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port} CPUs=4 RealMemory=4000 Gres=card:2 State=UNKNOWN`;
  const lines = [
    ...[
      'ClusterName=test',
      `SlurmctldHost=${host}(127.0.0.1)`,
      `SlurmctldPort=${ctld}`,
      'SlurmUser=root',
      'SlurmdUser=root',
    ],
    // A requeued job waits for as long as its credential holds: two minutes, also for less than five seconds.
    ...['AuthType=auth/munge', `AuthInfo=socket=${join(munge, 'socket')},cred_expire=5`],
    ...['AuthAltTypes=auth/jwt', `AuthAltParameters=jwt_key=${join(folder, 'state', 'jwt.key')}`, 'MpiDefault=none'],
    ...['ProctrackType=proctrack/linuxproc', 'TaskPlugin=task/none', 'ReturnToService=2', 'JobRequeue=1', 'KillWait=5'],
    ...[`SlurmctldPidFile=${join(folder, 'slurmctld.pid')}`, `SlurmdPidFile=${join(folder, '%n.pid')}`],
    ...[`SlurmdSpoolDir=${join(folder, '%n')}`, `StateSaveLocation=${join(folder, 'state')}`],
    ...['SchedulerType=sched/backfill', 'SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1'],
    ...['SelectType=select/cons_tres', 'SelectTypeParameters=CR_Core_Memory', 'GresTypes=card'],
    ...['AccountingStorageType=accounting_storage/none', 'JobAcctGatherType=jobacct_gather/none'],
    ...['PreemptType=preempt/partition_prio', 'PreemptMode=REQUEUE', `SlurmdTimeout=${nodeTimeoutSeconds}`],
    ...['SlurmdParameters=config_overrides', node('n1', first), node('n2', second)],
    ...[
      'PartitionName=low Nodes=ALL Default=YES State=UP PriorityTier=1',
      'PartitionName=high Nodes=ALL State=UP PriorityTier=10',
    ],
  ];
  writeFileSync(join(folder, 'slurm.conf'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'gres.conf'), NODES.map((name) => `NodeName=${name} Name=card Count=2\n`).join(''));
  return rest;
}

function groupOf(user: string): string {
  return execFileSync('id', ['-gn', user], { encoding: 'utf8' }).trim();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function until(what: string, check: () => boolean | Promise<boolean>, folder: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; ; await sleep(50)) {
    const isSo = await Promise.resolve()
      .then(check)
      .catch(() => false); // a command fails while its daemon is not there
    if (isSo) return;
    if (Date.now() < deadline) continue;
    const logs = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.log')) : [];
    const tails = logs.map((name) => `${name}: ${readFileSync(join(folder, name), 'utf8').slice(-500)}`);
    throw new Error(`Slurm: it did not come about that ${what}\n${tails.join('\n')}`);
  }
}

/** Kills what Slurm has started in this folder's cluster, and answers how many were there. */
function endAllOf(folder: string, isMeant: (pid: number) => boolean = () => true): number {
  const found = processIds().filter((pid) => readOf(pid, 'environ').includes(`SLURM_CONF=${folder}/`) && isMeant(pid));
  for (const pid of found) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it had ended already
    }
  }
  return found.length;
}

function endLeftovers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => /^tiresias-test-\d+-slurm-/.test(entry))) {
    const starter = name.slice(PREFIX.length).split('-')[0] ?? '';
    if (existsSync(dirname(`/proc/${starter}/stat`))) continue;
    endAllOf(join(tmpdir(), name));
    rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

function processIds(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
}

function parentOf(pid: number): number {
  return Number(/\nPPid:\s*(\d+)/.exec(readOf(pid, 'status'))?.[1]);
}

function readOf(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return ''; // it has ended
  }
}
