// One nano corpus for all test files of a run, built by the first that needs it and found by its committed SHA-256s thereafter.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder for what stands in `suite/` of a home folder: all test files of a run have one parent process. Its name lets
 * database.ts remove it once that process has ended.
 */
export function sharedSuiteFolder(): string {
  const folder = join(tmpdir(), `tiresias-test-${process.ppid}-suite`);
  mkdirSync(folder, { recursive: true });
  return folder;
}
