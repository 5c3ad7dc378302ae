// Small sets of every kind of benchmark, as a home folder has them: the first lines of the nano suite's, and own files in other forms.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobSpecInput } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import { SENTENCES, writeEmFiles } from '../eval/em-files.ts';

const NUM_LINES = 12;

/** Every protocol once, `pythia-em` with two settings. */
export const SMALL_SCORINGS = [
  'small-winobias',
  { benchmark: 'small-winobias', protocol: 'pronoun-choice' },
  'small-pairs',
  { benchmark: 'small-pairs', protocol: 'fp16-emulated' },
  { benchmark: 'small-pairs', protocol: 'shared-tokens' },
  { benchmark: 'small-conll', protocol: 'pythia-em', templates: ['what', 'Say it'], maxNew: 4 },
  { benchmark: 'small-conll', protocol: 'pythia-em', templates: ['what'], promptEdges: 'as-rendered', maxNew: 4 },
  'small-passages',
] satisfies NonNullable<JobSpecInput['evaluation']>['benchmarks'];

/** Writes the sets below `benchmarks` of a home folder. */
export function writeSmallSets(home: string): void {
  const folder = join(home, 'benchmarks');
  for (const name of ['small-winobias', 'small-pairs', 'small-passages'])
    mkdirSync(join(folder, name), { recursive: true });
  const nano = packagePath('suite', 'nano', 'benchmarks');
  for (const file of readdirSync(join(nano, 'nano-winobias'))) {
    writeFileSync(join(folder, 'small-winobias', file), firstLines(join(nano, 'nano-winobias', file), NUM_LINES));
  }
  const pairs = firstLines(join(nano, 'nano-crows-pairs.csv'), NUM_LINES + 1);
  const other = 'The baker sang.,The cook sang loudly.,antistereo,age'; // another bias type, and no pronouns
  writeFileSync(join(folder, 'small-pairs', 'pairs.csv'), `${pairs}${NUM_LINES},${other},,,\n`);
  writeEmFiles(folder, 'small-conll');
  mkdirSync(join(folder, 'small-conll', 'templates'));
  for (const subset of Object.keys(SENTENCES)) {
    renameSync(join(folder, 'small-conll', subset), join(folder, 'small-conll', 'templates', subset));
  }
  const passages = ['The nurse said that she was happy.', 'He went home', 'The cook met the clerk'];
  const lines = passages.map((text) => JSON.stringify({ text }));
  writeFileSync(join(folder, 'small-passages', 'passages.jsonl'), `${lines.join('\n')}\n`);
}

function firstLines(path: string, count: number): string {
  return readFileSync(path, 'utf8').split('\n').slice(0, count).join('\n') + '\n';
}
