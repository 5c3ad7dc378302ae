// All that a bare clone needs, without dependencies: packages from the lock file, the Prisma client, the compiled program and
// the page, and the back ends of `native/` where what they need is there. Every stage is skipped when nothing it depends on has changed. It never changes the
// system unless told `--system`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isWanted = (flag) => process.argv.includes(flag);
/** What the system brings; the program runs without, but for what is said. */
const SYSTEM_NEEDS = [
  {
    why: 'the tests of the page need Chromium',
    packages: ['chromium'],
    isThere: () => existsSync('/usr/bin/chromium'),
  },
  {
    why: 'the native back end, many times faster than wasm, needs a compiler and oneDNN',
    packages: ['g++', 'make', 'libdnnl-dev'],
    isThere: () => process.arch !== 'x64' || canBuildNative(),
  },
  {
    why: 'the tests of jobs on Slurm start one, as root',
    packages: ['slurm-wlm', 'slurmrestd', 'slurm-wlm-jwt-plugin', 'slurm-client', 'munge'],
    isThere: () => existsSync('/usr/sbin/slurmrestd') && existsSync('/usr/sbin/slurmctld'),
  },
];
const GPU_PACKAGE = '@tensorflow/tfjs-node-gpu';
const GPU_PACKAGE_FOLDER = 'node_modules/.cache/tfjs-node-gpu';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Tiresias needs Node 20.19 or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

const prismaEnvironment = {
  PRISMA_SCHEMA_ENGINE_BINARY: join(root, 'scripts', 'no-schema-engine.sh'),
  CHECKPOINT_DISABLE: '1',
  PRISMA_HIDE_UPDATE_MESSAGE: '1',
};

const stages = [
  {
    name: 'packages',
    what: 'installing packages from the lock file',
    inputs: ['package.json', 'package-lock.json'],
    stamp: 'node_modules/.tiresias-packages',
    run: () => npm('ci', '--no-audit', '--no-fund', '--loglevel=error'),
  },
  {
    name: 'client',
    what: 'generating the database client',
    inputs: ['prisma/schema.prisma', 'package-lock.json'],
    stamp: 'src/store/generated/.tiresias-client',
    run: () => tool('prisma/build/index.js', ['generate'], prismaEnvironment),
  },
  {
    name: 'native',
    what: 'building the native back end',
    inputs: ['native', 'package-lock.json'],
    skip: ['native/build', 'native/test'],
    stamp: 'native/build/.tiresias-native',
    isPossible: () => process.platform === 'linux' && process.arch === 'x64' && canBuildNative(),
    run: () => execute('make', ['-C', 'native', '-s', `-j${availableParallelism()}`]),
  },
  {
    name: 'cuda',
    what: 'building the cuda back end for the graphics card that is here',
    inputs: ['native', 'package-lock.json'],
    skip: ['native/build', 'native/test'],
    stamp: 'native/build/.tiresias-cuda',
    isOptional: true,
    isPossible: () => process.platform === 'linux' && process.arch === 'x64' && canBuildCuda(),
    run: () => execute('make', ['-C', 'native', '-s', 'cuda', 'CUDA_ARCH=native', `-j${availableParallelism()}`]),
  },
  {
    name: 'program',
    what: 'compiling the program',
    inputs: ['src', 'jobs', 'augmentation', 'tsconfig.json', 'tsconfig.build.json', 'prisma/schema.prisma'],
    skip: ['src/web', 'src/store/generated'],
    stamp: 'dist/.tiresias-program',
    run: () => tool('typescript/bin/tsc', ['-p', 'tsconfig.build.json']),
  },
  {
    name: 'page',
    what: 'building the page',
    inputs: ['src/web', 'src/job-spec.ts', 'vite.config.ts'],
    stamp: 'dist/web/.tiresias-page',
    run: () => tool('vite/bin/vite.js', ['build', '--logLevel', 'warn']),
  },
  {
    // Only tests read it: where its installation fails, npm removes the package, and they still need to know what it can do.
    name: 'gpu-package',
    what: 'unpacking the GPU package for the tests, without its scripts',
    inputs: existsSync(join(root, 'test')) ? ['package-lock.json'] : [],
    stamp: `${GPU_PACKAGE_FOLDER}/.tiresias-gpu-package`,
    isOptional: true,
    run: unpackGpuPackage,
  },
];

function hashOf(inputs, skip = []) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${major}`);
  const visit = (path) => {
    if (skip.includes(path)) return;
    const full = join(root, path);
    if (!existsSync(full)) return;
    const entries = readFolder(full);
    if (entries === undefined) hash.update(path).update('\0').update(readFileSync(full)).update('\0');
    else for (const entry of entries) visit(`${path}/${entry}`);
  };
  inputs.forEach(visit);
  return hash.digest('hex');
}

function readFolder(path) {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if (error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** The archive that the lock file pins, from npm's cache or the registry; false when it cannot be had. */
function unpackGpuPackage() {
  const { version, integrity } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages[
    `node_modules/${GPU_PACKAGE}`
  ];
  const folder = join(root, GPU_PACKAGE_FOLDER);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = ['--ignore-scripts', '--prefer-offline', '--fetch-retries=0', '--loglevel=error'];
  if (!npm('pack', `${GPU_PACKAGE}@${version}`, '--pack-destination', folder, ...options)) return false;
  const archive = join(folder, readdirSync(folder)[0]);
  const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (found !== integrity) {
    console.error(`setup: ${archive} has the hash ${found}; package-lock.json expects ${integrity}`);
    return false;
  }
  return execute('tar', ['-xzf', archive, '-C', folder]);
}

function npm(...args) {
  const script = process.env.npm_execpath;
  return script === undefined ? execute('npm', args) : execute(process.execPath, [script, ...args]);
}

function tool(path, args, environment = {}) {
  return execute(process.execPath, [join(root, 'node_modules', path), ...args], environment);
}

function execute(command, args, environment = {}) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, ...environment },
  });
  if (error !== undefined) console.error(`${command}: ${error.message}`);
  return status === 0;
}

function works(command, args, input) {
  return spawnSync(command, args, { input, stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}

/** Whether a card answers, and the CUDA compiler with cuBLAS is there. */
function canBuildCuda() {
  const source = '#include <cublas_v2.h>\n';
  return works('nvidia-smi', ['-L']) && works('nvcc', ['-E', '-x', 'cu', '-'], source) && works('make', ['--version']);
}

/** Whether compiler, make and the headers of oneDNN are there. */
function canBuildNative() {
  return works('make', ['--version']) && works('g++', ['-E', '-x', 'c++', '-'], '#include <dnnl.h>\n');
}

if (isWanted('--system')) installSystemPackages();

for (const stage of stages) {
  if (stage.inputs.length === 0) continue;
  const stamp = join(root, stage.stamp);
  const wanted = hashOf(stage.inputs, stage.skip);
  if (!isWanted('--build') && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) continue;
  if (isWanted('--build') && stage.name === 'packages' && existsSync(stamp)) continue;
  if (stage.isPossible?.() === false) continue;
  const startedMs = Date.now();
  console.error(`setup: ${stage.what} …`);
  rmSync(stamp, { force: true });
  if (!stage.run()) {
    if (stage.isOptional) {
      console.error(`setup: ${stage.what} failed; what needs it is left out.`);
      continue;
    }
    console.error(`setup: ${stage.what} failed; the lines above say why. Mend it and run \`npm run setup\` again.`);
    process.exit(1);
  }
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, wanted);
  console.error(`setup: ${stage.what} done in ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
}
chmodSync(join(root, 'bin', 'tiresias.mjs'), 0o755);

if (process.env.npm_lifecycle_event === 'setup') suggestSystemPackages();

function missingNeeds() {
  return process.platform === 'linux' ? SYSTEM_NEEDS.filter(({ isThere }) => !isThere()) : [];
}

function installCommand(needs) {
  const packages = needs.flatMap((need) => need.packages);
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function suggestSystemPackages() {
  const missing = missingNeeds();
  if (missing.length === 0) return;
  for (const { why } of missing) console.error(`setup: ${why}`);
  console.error(`setup: to install what is missing: ${installCommand(missing)}`);
  console.error('setup: (or `npm run setup -- --system`, which runs that command)');
}

function installSystemPackages() {
  const missing = missingNeeds();
  if (missing.length === 0) return;
  const { status } = spawnSync('sh', ['-c', installCommand(missing)], { stdio: ['ignore', 2, 2] });
  if (status !== 0) process.exit(status ?? 1);
}
