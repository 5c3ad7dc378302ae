// Speed of the rewriter on one core beside `compromise` tagging the whole text, in one run; and that its time and memory are linear
// on texts that are hard for it. `npx tsx scripts/acceptance/rewriter-speed.ts [FOLDER]` runs it alone (data as in rewriter.ts).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type nlpTwo from 'compromise';
import { rewrite } from '../../augmentation/rewrite.ts';
import type { Direction } from '../../src/job-spec.ts';
import { expectWithin } from './expect.ts';

const DOCUMENT_UNITS = 6_000;
const SPELT = /(?<![A-Za-z])(?:himself|herself|hers|her|him|his|she|he)(?![A-Za-z])/gi;

/** Pronouns in 1,000 characters of running text: counted on English Web Treebank and on a novel. */
const WEB_DENSITY = 1.9;
const FICTION_DENSITY = 7.9;

/** Prints every figure; throws when one misses its mark. */
export function rewriterSpeed(gold: string): void {
  const web = thinned(sentencesOf(gold, 'ud-bysa'), WEB_DENSITY);
  const fiction = thinned(sentencesOf(gold, 'brown'), FICTION_DENSITY);
  const tagger = createRequire(import.meta.url)('compromise/two') as typeof nlpTwo;
  for (const [name, text, mark] of [
    ['web text', web, 500],
    ['fiction', fiction, 250],
  ] as const) {
    const documents = cut(text);
    const numPronouns = text.match(SPELT)?.length ?? 0;
    console.log(
      `   ${name}: ${(text.length / 1e6).toFixed(2)} Mchar, ${perThousand(numPronouns, text)} pronouns/kchar`,
    );
    const tagged = speed(documents.slice(0, 40), (one) => void tagger(one).docs, 2);
    console.log(`   ${name}: compromise, whole text: ${tagged.toFixed(3)} Mchar/s`);
    for (const direction of ['masculine-to-feminine', 'swap'] as const) {
      const own = speed(documents, rewriter(direction), 20);
      console.log(`   ${name}, ${direction}: ${own.toFixed(1)} Mchar/s`);
      expectWithin(`${name}, ${direction}: times the speed of compromise`, own / tagged, mark, Infinity);
    }
  }
  hardTexts(fiction);
}

const rewriter = (direction: Direction) => (text: string) => void rewrite(text, { policy: 'morph-v1', direction });

/** What `compromise` reads in minutes and gigabytes: a megabyte of each may take twice the time of prose a character, and 200 MB. */
function hardTexts(prose: string): void {
  const proseSpeed = speed([prose.slice(0, 1e6)], rewriter('swap'), 20);
  const rssBefore = process.memoryUsage().rss;
  const texts = {
    'prose without punctuation': filled(prose.replace(/[^\p{L}]+/gu, ' ')),
    'lines of --': filled('--\n'),
    'one word': filled('he'),
    blanks: filled(' '),
  };
  for (const [name, text] of Object.entries(texts))
    expectWithin(`1 MB, ${name}: times the time of prose`, proseSpeed / speed([text], rewriter('swap'), 5), 0, 2);
  expectWithin('memory that these took, MB', (process.memoryUsage().rss - rssBefore) / 1e6, -Infinity, 200);
  // Denser in pronouns and signs than any prose: slower, but no slower in a longer text.
  for (const piece of ['<he ', '`her` ` his ', '"her" \'his\' ', '(he) his/her/'])
    expectWithin(
      `1 MB of ${piece}: times the time of a quarter, a character`,
      speed([filled(piece).slice(0, 2.5e5)], rewriter('swap'), 3) / speed([filled(piece)], rewriter('swap'), 3),
      0,
      2,
    );
}

function filled(piece: string): string {
  return piece.repeat(Math.ceil(1e6 / piece.length)).slice(0, 1e6);
}

function sentencesOf(gold: string, set: string): string[] {
  const lines = readFileSync(join(gold, `${set}.dev.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => (JSON.parse(line) as { text: string }).text);
}

/** Labelled sentences all hold pronouns; here others stand between them, their own copies without, down to a natural density. */
function thinned(sentences: readonly string[], density: number): string {
  const parts: string[] = [];
  let numUnits = 0;
  let numPronouns = 0;
  for (const sentence of sentences) {
    parts.push(sentence);
    numUnits += sentence.length + 1;
    numPronouns += sentence.match(SPELT)?.length ?? 0;
    const bare = sentence.replace(SPELT, 'it');
    while (numPronouns / numUnits > density / 1000) {
      parts.push(bare);
      numUnits += bare.length + 1;
    }
  }
  return parts.join(' ');
}

function cut(text: string): string[] {
  const documents: string[] = [];
  for (let from = 0; from < text.length; from += DOCUMENT_UNITS)
    documents.push(text.slice(from, from + DOCUMENT_UNITS));
  return documents;
}

/** Millions of characters a second of processor time, best of some passes: other processes on the machine do not count. */
function speed(documents: readonly string[], work: (text: string) => void, numPasses: number): number {
  const numUnits = documents.reduce((sum, text) => sum + text.length, 0);
  let best = Infinity;
  for (let pass = 0; pass < numPasses; pass++) {
    const started = process.cpuUsage();
    for (const text of documents) work(text);
    const { user, system } = process.cpuUsage(started);
    best = Math.min(best, user + system);
  }
  return numUnits / best;
}

function perThousand(count: number, text: string): string {
  return ((1000 * count) / text.length).toFixed(1);
}

if (process.argv[1] === import.meta.filename) rewriterSpeed(process.argv[2] ?? '../shared/gold/cda-dev');
