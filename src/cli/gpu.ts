// What a GPU needs and what of it is here: the optional package with its libtensorflow, the driver's own words about the cards.
import * as tf from '@tensorflow/tfjs-core';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { packagePath } from '../package-root.ts';
import { TENSORFLOW_PACKAGE as PACKAGE } from '../tensor/installed.ts';

const withPackages = z.object({ optionalDependencies: z.record(z.string(), z.string()) });
const withVersion = z.object({ version: z.string() });

/** What tfjs-node-gpu 4.22 with libtensorflow 2.9 asks of a machine. */
export const GPU_NEEDS = 'Linux x64, Node 20 or 22, an NVIDIA driver of at least 450, CUDA 11.2 and cuDNN 8.1';

/** The command that installs the package in the version that package.json pins. */
export function installCommand(): string {
  const { optionalDependencies } = withPackages.parse(JSON.parse(readFileSync(packagePath('package.json'), 'utf8')));
  return `npm install --no-save ${PACKAGE}@${optionalDependencies[PACKAGE] ?? 'latest'}`;
}

export interface TensorflowVersions {
  readonly tfjsNodeGpu: string;
  readonly libtensorflow: string;
}

/** Versions of the package and of the library that it loaded; null where the back end has not been started. */
export function tensorflowVersions(): TensorflowVersions | null {
  const backend = tf.findBackend('tensorflow') as { readonly binding?: { readonly TF_Version?: string } } | null;
  if (backend === null) return null;
  const path = packagePath('node_modules', PACKAGE, 'package.json');
  const { version } = withVersion.parse(JSON.parse(readFileSync(path, 'utf8')));
  return { tfjsNodeGpu: version, libtensorflow: backend.binding?.TF_Version ?? 'unknown' };
}

/** Name, driver and memory of each card, as nvidia-smi prints them; null where it is not there or does not answer. */
export function describeCards(): string[] | null {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 10_000 });
  if (status !== 0) return null;
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [name, driver, memory] = line.split(',').map((part) => part.trim());
    return `${name}, driver ${driver}, ${memory}`;
  });
}
