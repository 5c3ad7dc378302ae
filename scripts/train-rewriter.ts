// Trains the model that reads `her` (augmentation/rules/her-model.bin, her-dictionary.bin and their .json) and says how good it is.
// `npx tsx scripts/train-rewriter.ts [--evaluate]`; data: TIRESIAS_SHARED, default ../shared, folder gold/cda-dev. Same data, same
// Node: same bytes. Under a minute and 1.5 GB.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { featureReader, MOST_FEATURES, WEIGHT_BITS } from '../augmentation/her-model.ts';
import { rulesFolder } from '../augmentation/rule-files.ts';
import { openWordKnowledge, packDictionary, type Dictionary } from '../augmentation/word-knowledge.ts';
import { packagePath } from '../src/package-root.ts';
import { sharedFolderSetting } from '../src/settings.ts';
import { labelledHer, sentenceExamples, templateExamples, windowExamples, type Example } from './rewriter/examples.ts';
import { fit, seededRandom, sumOf, toBytes, type FeaturedExample, type FitOptions } from './rewriter/fit.ts';

const OPTIONS: FitOptions = { numBuckets: 2 ** WEIGHT_BITS, numPasses: 6, learningRate: 0.1, decay: 1e-6, seed: 1 };
const NUM_SLOTS = 2 ** 16;
const PER_TEMPLATE = 400;
const NUM_FOLDS = 5;
const LICENCE =
  'CC BY-SA 4.0, because some of the text is: English Web Treebank (CC BY-SA 4.0), GAP and WikiText-2 (Wikipedia, CC BY-SA 3.0). The rest: LitBank novels and State of the Union addresses (public domain), Brown (redistribution permitted), MASC (free for research and commercial development).';

function main(): void {
  const gold = join(resolve(sharedFolderSetting() ?? packagePath('..', 'shared')), 'gold', 'cda-dev');
  const dictionary = packDictionary(readTagCounts(join(gold, 'tagdict.tsv')), NUM_SLOTS);
  const featured = featurer(dictionary);
  const templates = JSON.parse(readFileSync(join(import.meta.dirname, 'rewriter', 'templates.json'), 'utf8')) as never;
  const examples = [
    ...windowExamples(gold),
    ...sentenceExamples(gold),
    ...templateExamples(templates, PER_TEMPLATE, seededRandom(2)),
  ].map(featured);
  console.log(`${examples.length} examples`);
  const { bytes, logOddsPerUnit } = toBytes(fit(examples, OPTIONS));
  report(gold, featured, () => bytes, 'as committed');
  if (process.argv.includes('--evaluate')) crossFit(gold, featured, examples);
  else writeModel(dictionary, bytes, { licence: LICENCE, numExamples: examples.length, ...OPTIONS, logOddsPerUnit });
}

/** Each labelled document by a model that has read nothing of it. */
function crossFit(gold: string, featured: ReturnType<typeof featurer>, examples: readonly FeaturedExample[]): void {
  const foldOf = (document: string) => createHash('sha256').update(document).digest().readUInt32LE() % NUM_FOLDS;
  const models = Array.from({ length: NUM_FOLDS }, (_, fold) =>
    fit(
      examples.filter(({ document }) => document === undefined || foldOf(document) !== fold),
      OPTIONS,
    ),
  );
  report(gold, featured, (document) => models[foldOf(document)]!, 'documents not read'); // one model a fold
  const isHeldOut = (index: number) => index % 20 === 0;
  const weights = fit(
    examples.filter((_, index) => !isHeldOut(index)),
    OPTIONS,
  );
  const heldOut = examples.filter(({ weight }, index) => isHeldOut(index) && weight >= 1); // no templates
  const numRight = heldOut.filter(({ buckets, isObject }) => sumOf(weights, buckets) > 0 === isObject).length;
  console.log(`windows not read: ${numRight}/${heldOut.length} ${((100 * numRight) / heldOut.length).toFixed(2)} %`);
}

type Weights = Float32Array | Int8Array;

function report(
  gold: string,
  featured: ReturnType<typeof featurer>,
  weightsFor: (document: string) => Weights,
  name: string,
): void {
  for (const set of ['ud-bysa', 'ud-ncsa', 'brown', 'masc', 'winobias', 'adversarial']) {
    const outcomes = labelledHer(gold, set).map((one) => {
      const isObject = sumOf(weightsFor(one.document ?? ''), featured(one).buckets) > 0;
      return isObject === one.isObject || one.isEitherRight;
    });
    const numRight = outcomes.filter(Boolean).length;
    console.log(`${name}, ${set}: ${numRight}/${outcomes.length} ${((100 * numRight) / outcomes.length).toFixed(2)} %`);
  }
}

function featurer(dictionary: Dictionary): (example: Example) => FeaturedExample {
  const read = featureReader(openWordKnowledge(dictionary));
  const buckets = new Uint32Array(MOST_FEATURES);
  return ({ left, right, isObject, weight, document }) => {
    const text = `${left}her${right}`;
    const numFeatures = read(text, left.length, left.length + 3, buckets);
    return { isObject, weight, document, buckets: buckets.slice(0, numFeatures) };
  };
}

/** A part of speech counts from this share of a word's occurrences on. */
const LEAST_SHARE = 0.08;
const MOST_TAGS = 3;

/** word<TAB>tag:count … → word → tags, most likely first. */
function readTagCounts(path: string): Map<string, string> {
  const entries = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line): [string, string] => {
      const [word = '', counts = ''] = line.split('\t');
      const tags = counts.split(' ').map((one) => {
        const colon = one.lastIndexOf(':');
        return { tag: one.slice(0, colon), count: Number(one.slice(colon + 1)) };
      });
      const total = tags.reduce((sum, { count }) => sum + count, 0);
      const likely = tags.sort((a, b) => b.count - a.count).filter(({ count }) => count / total >= LEAST_SHARE);
      return [
        word,
        likely
          .slice(0, MOST_TAGS)
          .map(({ tag }) => tag)
          .join('/'),
      ];
    });
  return new Map(entries);
}

function writeModel(dictionary: Dictionary, weights: Int8Array, facts: Readonly<Record<string, unknown>>): void {
  const words = Buffer.from(dictionary.slots.buffer);
  const model = Buffer.from(weights.buffer);
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const origin = 'scripts/train-rewriter.ts';
  write('her-dictionary.bin', words);
  write('her-model.bin', model);
  write('her-dictionary.json', json({ origin, sha256: sha256(words), signatures: dictionary.signatures }));
  write('her-model.json', json({ origin, sha256: sha256(model), ...facts }));
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

/** A file appears whole or not at all. */
function write(name: string, bytes: Buffer): void {
  const path = join(rulesFolder(), name);
  const descriptor = openSync(`${path}.new`, 'w');
  try {
    for (let done = 0; done < bytes.length;) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(`${path}.new`, path);
}

main();
