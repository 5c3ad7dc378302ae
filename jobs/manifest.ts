// The manifest that reproduces a job: same manifest, same back end, same machine type → same data bit for bit and same scores.
import { stat } from 'node:fs/promises';
import { arch, cpus, platform } from 'node:os';
import { findPolicy } from '../augmentation/policies.ts';
import { fileSha256 } from '../src/checkpoint/checkpoint.ts';
import { shownUrl } from '../src/data/web-failures.ts';
import { isUrl } from '../src/data/remote-file.ts';
import { placeOf } from '../src/data/replay.ts';
import { identifyTokenFiles } from '../src/data/token-files.ts';
import { DataError, messageOf } from '../src/errors.ts';
import type { JobSpec, Policy } from '../src/job-spec.ts';
import { checkpointFiles, tokenFiles } from '../src/manifest-files.ts';
import { softwareVersions } from '../src/software.ts';
import type { BackendName } from '../src/tensor/backend.ts';
import { nativeFacts } from '../src/tensor/native.ts';
import { PYTHIA_ADAM } from '../src/train/step.ts';
import { publishedBeside } from '../src/suite/pythia/published.ts';
import type { Preparation } from './preparation.ts';

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
      start: start === undefined ? null : await identifyAll(checkpointFiles(start)),
      published: end === undefined ? null : await identifyAll(checkpointFiles(end)),
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

/** The token files: hashed here, or as the server of a URL tells one version from another, without a query, which may hold a secret. */
async function identifyData({ dataset, access }: Preparation) {
  const { prefix } = dataset;
  if (!isUrl(prefix)) {
    const files = tokenFiles(prefix);
    const bin = Array.isArray(files.bin) ? await identifyAll(files.bin) : await identify(files.bin);
    return { bin, idx: await identify(files.idx) };
  }
  const [idx, ...bin] = (await identifyTokenFiles(placeOf(dataset), access)).map(({ url, sizeBytes, version }) => ({
    ...{ url: shownUrl(url), sizeBytes, version },
  }));
  return { prefix: shownUrl(prefix), bin, idx };
}

function identifyAll(paths: readonly string[]) {
  return Promise.all(paths.map((path) => identify(path)));
}

async function identify(path: string) {
  const { size, mtime } = await stat(path).catch((cause: unknown) => {
    throw new DataError(`${path}: expected a file: ${messageOf(cause)}; fetch or build it anew`, { cause });
  });
  if (size > MOST_HASHED_BYTES) return { path, sizeBytes: size, sha256: null, modifiedAt: mtime.toISOString() };
  return { path, sizeBytes: size, sha256: await fileSha256(path) };
}
