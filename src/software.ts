// Which program computes: releases are told apart by their version, what was changed without a new one by the files that run.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunningFromSource, packagePath } from './package-root.ts';

/** Below the program's folder: all that a control's numbers come from. The rules of rewriting are told apart by their policy's version. */
const FOLDERS = ['jobs', ...['checkpoint', 'data', 'eval', 'intervention', 'model', 'tensor', 'train'].map(inSources)];

function inSources(name: string): string {
  return join('src', name);
}

/** The versions of everything that computes here, as a manifest names them. */
export function softwareVersions(): Record<string, unknown> {
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

/** SHA-256 of the names and contents of the files that compute, the addons of `native/` with them. */
function programSha256(): string {
  const root = isRunningFromSource ? packagePath() : packagePath('dist');
  const addons = packagePath('native', 'build');
  const files = [
    ...FOLDERS.flatMap((folder) => filesBelow(join(root, folder)).filter((path) => /\.(ts|js)$/.test(path))),
    ...(existsSync(addons) ? readdirSync(addons) : [])
      .filter((name) => name.endsWith('.node'))
      .map((name) => join(addons, name)),
  ];
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    const content = readFileSync(file);
    hash.update(`${file.slice(packagePath().length)} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}
