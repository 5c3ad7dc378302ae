// The manifest that reproduces a job: same manifest, same back end, same machine type → same data bit for bit and same scores.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { join } from 'node:path';
import { findPolicy } from '../augmentation/policies.ts';
import { fileSha256 } from '../src/checkpoint/checkpoint.ts';
import type { JobSpec } from '../src/job-spec.ts';
import { packagePath } from '../src/package-root.ts';
import type { Preparation } from './preparation.ts';

/** Files larger than this are identified by name and size; hashing a 600 GB corpus is a check of its own. */
const MOST_HASHED_BYTES = 2 ** 31;

/** Everything that the numbers of a job depend on. */
export async function makeManifest(spec: JobSpec, preparation: Preparation): Promise<Record<string, unknown>> {
  const { plan, model, dataset, benchmarks } = preparation;
  const start = model.checkpoints.get(plan.from);
  const end = model.checkpoints.get(plan.to);
  return {
    format: 'tiresias-manifest-1',
    spec,
    plan,
    model: {
      name: model.name,
      config: await identify(model.configPath),
      tokenizer: await identify(model.tokenizerPath),
      start: start === undefined ? null : await identifyFolder(start),
      published: end === undefined ? null : await identifyFolder(end),
    },
    dataset: { ...dataset, bin: await identify(`${dataset.prefix}.bin`), idx: await identify(`${dataset.prefix}.idx`) },
    policy: {
      name: spec.intervention.policy,
      version: findPolicy(spec.intervention.policy, spec.intervention.direction).version,
    },
    benchmarks: benchmarks.map(({ name, kind, sha256, isOfficial }) => ({ name, kind, sha256, isOfficial })),
    software: softwareVersions(),
    machine: { platform: platform(), arch: arch(), cpu: cpus()[0]?.model ?? 'unknown' },
  };
}

async function identifyFolder(folder: string) {
  const files = ['model.safetensors', 'optimizer.safetensors'].map((name) => join(folder, name)).filter(existsSync);
  return Promise.all(files.map(identify));
}

async function identify(path: string): Promise<{ path: string; sizeBytes: number; sha256: string | null }> {
  const { size } = statSync(path);
  return { path, sizeBytes: size, sha256: size > MOST_HASHED_BYTES ? null : await fileSha256(path) };
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
    node: process.versions.node,
    v8: process.versions.v8,
    lockfileSha256: createHash('sha256').update(lock).digest('hex'),
    packages: Object.fromEntries(names.map((name) => [name, own.dependencies[name]])),
  };
}
