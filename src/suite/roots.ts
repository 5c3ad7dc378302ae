// Where files that clients name may lie: below folders that the operator has listed, links followed.
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { InputError } from '../errors.ts';

/** Throws InputError with this pointer for a path outside of every root, whether or not there is a file; what links in a folder point to is the operator's matter. */
export function checkBelow(roots: readonly string[], path: string, pointer: string): void {
  const real = realPath(resolve(path));
  const isBelow = roots.some((root) => real.startsWith(join(realPath(resolve(root)), sep)));
  if (isBelow) return;
  throw new InputError(
    `${path} lies below none of the folders whose files clients may name (${roots.join(', ')}): move it there, or add its folder to the server's TIRESIAS_ROOTS`,
    { pointer },
  );
}

/** The path with every link in it followed, as far as there are files. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
