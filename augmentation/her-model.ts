// The model that reads `her` as object (him) or determiner (his): a linear one on hashed features of the words around it, their
// parts of speech and the verb before it. Trained by scripts/train-rewriter.ts; rules/her-model.json says on what.
import { readRuleBytes, readRuleFile } from './rule-files.ts';
import { readSurroundings } from './surroundings.ts';
import { finish, knowWord, type Word } from './word-knowledge.ts';

/** Weights are kept in 2 ** WEIGHT_BITS buckets; features that fall into one bucket share its weight. */
export const WEIGHT_BITS = 20;
/** No occurrence has more features. */
export const MOST_FEATURES = 64;

interface ModelHeader {
  /** What one unit of a weight is worth in log-odds. */
  readonly logOddsPerUnit: number;
}

export interface FeatureReader {
  /** Writes the buckets of the occurrence's features into `into` and returns their number. */
  (text: string, start: number, end: number, into: Uint32Array): number;
}

/** Log-odds that `text[start, end)`, a form of `her`, is an object rather than a determiner; 0 is undecided. */
export function herMargin(text: string, start: number, end: number): number {
  model ??= openModel();
  const numFeatures = model.read(text, start, end, buckets);
  let sum = 0;
  for (let i = 0; i < numFeatures; i++) sum += model.weights[buckets[i]!]!; // buckets are inside the table
  return sum * model.logOddsPerUnit;
}

interface Model {
  readonly read: FeatureReader;
  readonly weights: Int8Array;
  readonly logOddsPerUnit: number;
}

let model: Model | undefined;
const buckets = new Uint32Array(MOST_FEATURES);

function openModel(): Model {
  const bytes = readRuleBytes('her-model.bin');
  const { logOddsPerUnit } = readRuleFile<ModelHeader>('her-model.json');
  return {
    read: featureReader(knowWord),
    weights: new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    logOddsPerUnit,
  };
}

/** Reads features with some knowledge of words. */
export function featureReader(know: (word: string) => Word): FeatureReader {
  return (text, start, end, into) => {
    const { left, right } = readSurroundings(text, start, end);
    const [l1, l2, l3] = left.map(know) as [Word, Word, Word];
    const [r1, r2, r3, r4] = right.map(know) as [Word, Word, Word, Word];
    const list = new FeatureList(into);
    addWords(list, l1, l2, l3, r1, r2, r3, r4);
    addTags(list, l1, l2, r1, r2, r3, r4);
    addGovernors(list, l1, l2, r1, r2, r3);
    return list.length;
  };
}

/** Each call adds one feature; the calls' order numbers its template, so calls must not depend on the text. */
class FeatureList {
  length = 0;
  private readonly into: Uint32Array;
  constructor(into: Uint32Array) {
    this.into = into;
  }
  add(a: number, b = 0, c = 0, d = 0): void {
    let hash = Math.imul(a ^ Math.imul(this.length + 1, 0x9e3779b1), 0xcc9e2d51);
    hash = Math.imul(rotate(hash) ^ b, 0x1b873593);
    hash = Math.imul(rotate(hash) ^ c, 0xe6546b65);
    hash = Math.imul(rotate(hash) ^ d, 0x85ebca6b);
    this.into[this.length++] = finish(hash) >>> (32 - WEIGHT_BITS);
  }
}

function rotate(value: number): number {
  return (value << 15) | (value >>> 17);
}

function addWords(list: FeatureList, l1: Word, l2: Word, l3: Word, r1: Word, r2: Word, r3: Word, r4: Word): void {
  list.add(1);
  for (const word of [l1, l2, l3, r1, r2, r3, r4]) list.add(word.hash);
  list.add(l1.hash, r1.hash);
  list.add(r1.hash, r2.hash);
  list.add(l2.hash, l1.hash);
  list.add(l1.hash, r2.hash);
  list.add(l1.hash, r1.hash, r2.hash);
  list.add(r1.hash, r2.hash, r3.hash);
  list.add(l2.hash, l1.hash, r1.hash);
  list.add(r1.tail3);
  list.add(r1.tail2);
  list.add(r2.tail3);
  list.add(l1.tail3);
  list.add(r1.isCapitalized ? 1 : 0);
  list.add(r1.isCapitalized ? 1 : 0, l1.hash);
  list.add(r1.isHyphenated ? 1 : 0);
}

function addTags(list: FeatureList, l1: Word, l2: Word, r1: Word, r2: Word, r3: Word, r4: Word): void {
  for (const word of [l1, l2, r1, r2, r3]) list.add(word.tag);
  list.add(l1.hash, r1.tag);
  list.add(l1.hash, r1.tag, r2.tag);
  list.add(r1.tag, r2.tag, r3.tag);
  list.add(r1.hash, r2.tag);
  list.add(l1.tag, r1.tag, r2.tag);
  list.add(l1.tag, r1.hash);
  list.add(r1.tag, r2.hash);
  list.add(r1.tag, r2.tag);
  list.add(l1.hash, r1.tag, r2.hash);
  list.add(l2.tag, l1.tag, r1.tag, r2.tag);
  list.add(l1.tag, r1.tag, r2.tag, r3.tag);
  list.add(r1.tag, r2.tag, r3.tag, r4.tag);
  list.add(l2.hash, l1.hash, r1.tag);
  list.add(l1.hash, r1.hash, r2.tag);
}

function addGovernors(list: FeatureList, l1: Word, l2: Word, r1: Word, r2: Word, r3: Word): void {
  list.add(l1.lemma);
  list.add(l1.lemma, r1.hash);
  list.add(l1.lemma, r1.tag);
  list.add(l1.lemma, r1.tag, r2.tag);
  list.add(l1.lemma, r1.tail3);
  list.add(l2.lemma, l1.lemma);
  list.add(l1.governor);
  list.add(l1.governor, r1.hash);
  list.add(l1.governor, r1.tag);
  list.add(l1.governor, r1.tag, r2.tag);
  list.add(l1.governor, r1.tag, r2.tag, r3.tag);
  list.add(l1.governor, r1.tag, r2.hash);
  list.add(l1.governor, r1.hash, r2.tag);
  list.add(l1.governor, r1.lemma);
}
