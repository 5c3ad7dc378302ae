// The repository's own folder, from sources and from the compiled program alike.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

function findPackageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('bug: no package.json above the program');
    folder = parent;
  }
  return folder;
}

const packageRoot = findPackageRoot();

/** The absolute path of a file that the repository carries. */
export function packagePath(...parts: readonly string[]): string {
  return join(packageRoot, ...parts);
}

/** Whether the TypeScript sources are running (tests, development) and not the compiled program. */
export const isRunningFromSource = import.meta.filename.endsWith('.ts');
