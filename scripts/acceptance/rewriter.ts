// The rewriter against labelled English outside the repository (TIRESIAS_SHARED, default ../shared; folder gold/cda-dev, or the one
// named on the command line) and its speed on token rows made of it. `npx tsx scripts/acceptance/rewriter.ts [FOLDER]` runs it alone.
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rewrite } from '../../augmentation/rewrite.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { InputError } from '../../src/errors.ts';
import { rewriteBatch } from '../../src/intervention/batch.ts';
import type { Direction } from '../../src/job-spec.ts';
import { packagePath } from '../../src/package-root.ts';
import { sharedFolderSetting } from '../../src/settings.ts';
import { expectWithin } from './expect.ts';
import { rewriterSpeed } from './rewriter-speed.ts';

interface Occurrence {
  readonly start: number;
  readonly form: string;
  readonly function: string;
  /** Another function that is also right. */
  readonly alt?: string;
  readonly pair?: boolean;
}

interface GoldRecord {
  readonly text: string;
  readonly cat?: string;
  readonly occ: readonly Occurrence[];
  readonly swap?: string;
  readonly m2f?: string;
  readonly f2m?: string;
}

const DIRECTIONS = { swap: 'swap', m2f: 'masculine-to-feminine', f2m: 'feminine-to-masculine' } as const;
type Key = keyof typeof DIRECTIONS;
const NATURAL = ['ud-bysa', 'ud-ncsa', 'brown', 'masc'];

/** Prints every figure; throws when one misses its mark. */
export async function rewriter(folder?: string): Promise<void> {
  const shared = resolve(sharedFolderSetting() ?? packagePath('..', 'shared'));
  const gold = folder ?? join(shared, 'gold', 'cda-dev');
  if (!existsSync(gold))
    throw new InputError(`${gold}: expected the folder of labelled sentences; set TIRESIAS_SHARED`);
  const read = (name: string): GoldRecord[] =>
    readFileSync(join(gold, `${name}.dev.jsonl`), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as GoldRecord);
  const natural = NATURAL.flatMap(read);
  const roundtrip = read('roundtrip');
  expectWithin('her → him | his, natural text', accuracy(natural, 'her'), 0.983, 1);
  expectWithin('her → him | his, treebanks alone', accuracy(['ud-bysa', 'ud-ncsa'].flatMap(read), 'her'), 0.975, 1);
  expectWithin('her → him | his, novels and the like', accuracy(roundtrip, 'her'), 0.985, 1);
  expectWithin('his → her | hers, natural text', accuracy(natural, 'his'), 0.998, 1);
  expectWithin('exact sentences, masculine to feminine', exact(natural, 'm2f'), 0.997, 1);
  expectWithin('exact sentences, feminine to masculine', exact(natural, 'f2m'), 0.994, 1);
  expectWithin('exact sentences, swap', exact(natural, 'swap'), 0.994, 1);
  expectWithin('exact sentences, swap, WinoBias', exact(read('winobias'), 'swap'), 0.99, 1);
  expectWithin('exact sentences, feminine to masculine, round trip', exact(roundtrip, 'f2m'), 0.985, 1);
  expectWithin('traps right in all directions', traps(read('adversarial')), 0.9, 1);
  rewriterSpeed(gold);
  const tokenizerPath = join(shared, 'tokenizer', '20B_tokenizer.json');
  if (existsSync(tokenizerPath)) measureSpeed(tokenizerPath, natural);
}

const rewritten = (text: string, direction: Direction) => rewrite(text, { policy: 'morph-v1', direction });

function exact(records: readonly GoldRecord[], key: Key): number {
  return share(records.map((one) => rewritten(one.text, DIRECTIONS[key]).text === one[key]));
}

/** Share of the occurrences of an ambiguous form that get the right word; pairs apart. */
function accuracy(records: readonly GoldRecord[], form: 'her' | 'his'): number {
  const words: Readonly<Record<string, string>> =
    form === 'her' ? { obj: 'him', poss_det: 'his' } : { poss_det: 'her', poss_indep: 'hers' };
  const outcomes = records.flatMap(({ text, occ }) => {
    const wanted = occ.filter((one) => one.form.toLowerCase() === form && one.function in words && !one.pair);
    if (wanted.length === 0) return [];
    const { edits } = rewritten(text, 'swap');
    return wanted.map((one) => {
      const after = edits.find((edit) => edit.start === one.start)?.after.toLowerCase();
      return after !== undefined && (after === words[one.function] || after === words[one.alt ?? '']);
    });
  });
  return share(outcomes);
}

function traps(records: readonly GoldRecord[]): number {
  const keys = Object.keys(DIRECTIONS) as Key[];
  return share(
    records.map((one) => keys.every((key) => rewritten(one.text, DIRECTIONS[key]).text === (one[key] ?? one.text))),
  );
}

function share(outcomes: readonly boolean[]): number {
  return outcomes.filter(Boolean).length / outcomes.length;
}

const ROW_LENGTH = 2049;

/** Tokens a second of processor time through rewriteBatch, on running sentences (many pronouns) and on the same without their pronouns. */
function measureSpeed(tokenizerPath: string, records: readonly GoldRecord[]): void {
  const tokenizer = readTokenizer(tokenizerPath);
  const running = records.map((one) => one.text).join('\n');
  const texts = {
    'every sentence with pronouns': running,
    'no pronouns': running.replace(/\b(?:s?he|hi[ms]|hers?)\b/gi, 'it'),
  };
  for (const [name, text] of Object.entries(texts)) {
    const ids = tokenizer.encode(text);
    const numRows = Math.floor(ids.length / ROW_LENGTH);
    const tokens = Int32Array.from(ids.slice(0, numRows * ROW_LENGTH));
    const batch = { step: 0, firstSample: 0, numRows, rowLength: ROW_LENGTH, tokens };
    for (const direction of ['masculine-to-feminine', 'swap'] as const) {
      const seconds = Math.min(
        ...[0, 1, 2].map(() =>
          timed(() => rewriteBatch(batch, tokenizer, { policy: 'morph-v1', direction, probability: 1, seed: 1 })),
        ),
      );
      expectWithin(`token rows, ${name}, ${direction}: million tokens/s`, tokens.length / seconds / 1e6, 3, Infinity);
    }
  }
}

/** Seconds of processor time. */
function timed(work: () => unknown): number {
  const started = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(started);
  return (user + system) / 1e6;
}

if (process.argv[1] === import.meta.filename) await rewriter(process.argv[2]);
