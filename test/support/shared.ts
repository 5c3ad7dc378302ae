// Outside test data: found through TIRESIAS_SHARED (default ../shared); a test that needs it fails when the variable is set
// and the folder is not there, and is skipped by name when neither is there.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packagePath } from '../../src/package-root.ts';
import { sharedFolderSetting } from '../../src/settings.ts';

const setting = sharedFolderSetting();
const folder = resolve(setting ?? packagePath('..', 'shared'));

/** Whether tests on outside data can run; set but missing is an error, not a skip. */
export const hasShared = existsSync(folder);
if (setting !== undefined && !hasShared) throw new Error(`TIRESIAS_SHARED names ${folder}, which does not exist`);

/** The absolute path of a file of the outside test data. */
export function sharedPath(...parts: readonly string[]): string {
  return join(folder, ...parts);
}
