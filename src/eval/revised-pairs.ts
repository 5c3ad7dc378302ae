// The revised CrowS-Pairs (Névéol et al. 2022), English or French, the set behind the published Pythia figures: comma- or tab-separated with a
// header line, or JSON lines, with the fields of the first release. A bias type belongs to the label that it begins with, as
// lm-evaluation-harness filters (lm_eval/tasks/crows_pairs); what begins with none counts in the whole score alone.
import { z } from 'zod';
import { DataError, messageOf } from '../errors.ts';
import { REVISED_COUNTS, REVISED_PAIRS } from './benchmark-sources.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import { checkPair, PAIR_FIELDS, parsePairTable, type CrowsPair, type PairFields } from './crows-pairs.ts';

/** The harness' own sub-tasks; `autre` ("other") has this name in the English pairs, too. */
const LABELS = [
  'age',
  'autre',
  'disability',
  'gender',
  'nationality',
  'physical-appearance',
  'race-color',
  'religion',
  'sexual-orientation',
  'socioeconomic',
] as const;

const MAX_BIAS_TYPE_LENGTH = 200;

const pairLine = z.object(Object.fromEntries(PAIR_FIELDS.map((field) => [field, z.string()])));

/** The pairs in file order, each under its label, or `unlisted`. Throws DataError naming the first line that is not a pair. */
export function parseRevisedPairs(file: BenchmarkFile): readonly CrowsPair[] {
  const text = textOf(file);
  const isJson = text.trimStart().startsWith('{');
  const delimiter = text.split('\n', 1)[0]!.includes('\t') ? '\t' : ','; // split gives at least one part
  const rows = isJson ? parseLines(text, file.path) : parsePairTable(file, delimiter);
  return rows.map(({ fields, where }) => checkPair(fields, labelOf(fields.bias_type, where), where));
}

/** Throws DataError unless the pairs are as many, and as many of gender, as the English set is known to have. */
export function checkRevisedCounts(pairs: readonly CrowsPair[], path: string): void {
  const numGender = pairs.filter(({ biasType }) => biasType === 'gender').length;
  const { all, gender } = REVISED_COUNTS;
  if (pairs.length === all && numGender === gender) return;
  throw new DataError(
    `${path}: expected ${all} pairs, ${gender} of them of gender, to be called ${REVISED_PAIRS}; found ${pairs.length} and ${numGender}: give the set a name of its own`,
  );
}

function labelOf(biasType: string, where: string): string {
  if (biasType.trim() === '' || biasType.length > MAX_BIAS_TYPE_LENGTH) {
    throw new DataError(`${where}: bias_type is ${JSON.stringify(biasType.slice(0, 60))}; expected a few words`);
  }
  return LABELS.find((label) => biasType.startsWith(label)) ?? 'unlisted';
}

function parseLines(text: string, path: string): { fields: PairFields; where: string }[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const where = `${path}: line ${index + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw new DataError(`${where}: not JSON: ${messageOf(error)}`, { cause: error });
    }
    const { success, data, error } = pairLine.safeParse(value);
    if (success) return [{ fields: data as PairFields, where }]; // the schema has its fields
    const issue = error.issues[0];
    throw new DataError(
      `${where}: expected ${PAIR_FIELDS.join(', ')} as text: ${issue?.path.join('.')}: ${issue?.message}`,
    );
  });
}
