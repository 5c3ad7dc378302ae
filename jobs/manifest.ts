// The manifest that reproduces a job: same manifest, same back end, same machine type → same data bit for bit and same scores.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { findPolicy } from '../augmentation/policies.ts';
import { fileSha256 } from '../src/checkpoint/checkpoint.ts';
import { shownUrl } from '../src/data/web-failures.ts';
import { isUrl } from '../src/data/remote-file.ts';
import { placeOf } from '../src/data/replay.ts';
import { identifyTokenFiles } from '../src/data/token-files.ts';
import { DataError, messageOf } from '../src/errors.ts';
import type { JobSpec, Policy } from '../src/job-spec.ts';
import { packagePath } from '../src/package-root.ts';
import type { BackendName } from '../src/tensor/backend.ts';
import { nativeFacts } from '../src/tensor/native.ts';
import { PYTHIA_ADAM } from '../src/train/step.ts';
import { publishedBeside } from '../src/suite/pythia/published.ts';
import type { Preparation } from './preparation.ts';
import { programSha256 } from './program.ts';

/** Files larger than this are identified by name, size and time; hashing a 600 GB corpus is a check of its own. */
const MOST_HASHED_BYTES = 2 ** 31;

/** Everything that the numbers of a job depend on. */
export async function makeManifest(spec: JobSpec, preparation: Preparation): Promise<Record<string, unknown>> {
  const { plan, model, dataset, scorings, start: fork } = preparation;
  const start = model.checkpoints.get(plan.from);
  const end = model.checkpoints.get(plan.to);
  return {
    format: 'tiresias-manifest-1',
    spec,
    plan,
    ...(fork !== null && { start: fork }),
    model: {
      name: model.name,
      ...{ family: model.family, seed: model.seed, trainedOn: model.dataset },
      config: await identify(model.configPath),
      tokenizer: await identify(model.tokenizerPath),
      start: start === undefined ? null : await identifyFolder(start),
      published: end === undefined ? null : await identifyFolder(end),
    },
    dataset: { ...dataset, ...(await identifyData(preparation)) },
    // Of switches, the plan holds what was chosen; these are the same for every job.
    optimizer: { name: 'AdamW', ...PYTHIA_ADAM, decayed: 'all but biases and layer norms', clippedBy: 'global norm' },
    policy: identifyPolicy(spec.intervention.policy, spec),
    ...(spec.arms.includes('placebo') && { placebo: identifyPolicy('placebo-v1', spec) }),
    benchmarks: scorings.map(({ benchmark: { name, kind, sha256, isOfficial }, protocol, settings }) => {
      return { name, kind, sha256, isOfficial, protocol, settings };
    }),
    published: publishedFigures(preparation),
    software: softwareVersions(),
    ...ownBackend(plan.backend.name),
    machine: { platform: platform(), arch: arch(), cpu: cpus()[0]?.model ?? 'unknown' },
  };
}

/** What multiplied, where it was a back end of `native/`. */
function ownBackend(name: BackendName) {
  return name === 'native' || name === 'cuda' ? { [name]: nativeFacts(name) } : {};
}

/** What was published of the model at the steps that are scored, beside which the job's scores are shown; each warning once. */
function publishedFigures({ plan, model, scorings }: Preparation) {
  const steps = [...new Set([...plan.evaluateAt, plan.to])];
  const found = scorings.flatMap(({ benchmark: { name: benchmark }, protocol, settings }) =>
    steps.flatMap((step) =>
      publishedBeside(model.name, { step, benchmark, protocol, settings }).map((row) => ({
        beside: { benchmark, protocol, settings },
        ...row,
      })),
    ),
  );
  const warnings = found.flatMap((row) => row.warnings.map(({ label, detail }) => [label, detail]));
  return {
    rows: found.map((row) => ({ ...row, warnings: row.warnings.map(({ label }) => label) })),
    warnings: Object.fromEntries(warnings) as Record<string, string>,
  };
}

function identifyPolicy(policy: Policy, { intervention }: JobSpec) {
  const { name, version } = findPolicy(policy, intervention.direction);
  return { name, version };
}

/** Weights in any of their forms, the moments and the counters; other files of the folder change no number. */
async function identifyFolder(folder: string) {
  const entries = existsSync(folder) ? readdirSync(folder) : []; // the trainer says what is wrong with it
  const names = entries.filter((name) => /^((pytorch_)?model\b.*|optimizer|state)\.(safetensors|bin|json)$/.test(name));
  return Promise.all(names.sort().map((name) => identify(join(folder, name))));
}

/** The token files: hashed here, or as the server of a URL tells one version from another, without a query, which may hold a secret. */
async function identifyData({ dataset, access }: Preparation) {
  const { prefix } = dataset;
  if (!isUrl(prefix)) return { bin: await identifyTokens(prefix), idx: await identify(`${prefix}.idx`) };
  const [idx, ...bin] = (await identifyTokenFiles(placeOf(dataset), access)).map(({ url, sizeBytes, version }) => ({
    ...{ url: shownUrl(url), sizeBytes, version },
  }));
  return { prefix: shownUrl(prefix), bin, idx };
}

/** PREFIX.bin, or those of its shards that are here. */
async function identifyTokens(prefix: string) {
  const [folder, name] = [dirname(prefix), basename(prefix)];
  const isShard = (entry: string) => entry.startsWith(name) && /^-\d{5}-of-\d{5}\.bin$/.test(entry.slice(name.length));
  const shards = existsSync(folder) && !existsSync(`${prefix}.bin`) ? readdirSync(folder).filter(isShard) : [];
  if (shards.length === 0) return identify(`${prefix}.bin`);
  return Promise.all(shards.sort().map((entry) => identify(join(folder, entry))));
}

async function identify(path: string) {
  const { size, mtime } = await stat(path).catch((cause: unknown) => {
    throw new DataError(`${path}: expected a file: ${messageOf(cause)}; fetch or build it anew`, { cause });
  });
  if (size > MOST_HASHED_BYTES) return { path, sizeBytes: size, sha256: null, modifiedAt: mtime.toISOString() };
  return { path, sizeBytes: size, sha256: await fileSha256(path) };
}

function softwareVersions(): Record<string, unknown> {
  const own = JSON.parse(readFileSync(packagePath('package.json'), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const lock = readFileSync(packagePath('package-lock.json'));
  const names = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-wasm', 'compromise'];
  return {
    tiresias: own.version,
    programSha256: programSha256(),
    node: process.versions.node,
    v8: process.versions.v8,
    lockfileSha256: createHash('sha256').update(lock).digest('hex'),
    packages: Object.fromEntries(names.map((name) => [name, own.dependencies[name]])),
  };
}
