// CrowS-Pairs (Nangia et al. 2020), the file crows_pairs_anonymized.csv or another with its columns. Protocol of lm-evaluation-harness
// (lm_eval/tasks/crows_pairs): a pair is a hit when the summed log-likelihood of sent_more is above that of sent_less; two other protocols
// change what is summed.
// Gender pairs that differ in pronouns only also say which gender the stereotype has, so a shift can be told from a loss of bias.
import { CsvError, parse } from 'csv-parse/sync';
import { DataError, messageOf } from '../errors.ts';
import type { Protocol } from '../job-spec.ts';
import { roundToHalf } from '../model/half.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import { pronounLogProbs, scoreTexts, type ScoredText, type ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { contrastPronouns } from './pronouns.ts';
import { matchingBlocks, type Block } from './shared-tokens.ts';

export interface CrowsPair {
  /** The sentence that carries more of the stereotype; the field's order is that of the file's columns. */
  readonly sentMore: string;
  readonly sentLess: string;
  readonly direction: 'stereo' | 'antistereo';
  readonly biasType: string;
}

/** The columns of a file of pairs. */
export const PAIR_FIELDS = ['sent_more', 'sent_less', 'stereo_antistereo', 'bias_type'] as const;
const MAX_SENTENCE_LENGTH = 10_000;

/** The pairs in file order. Throws DataError naming the line of the first row that is not as the header says. */
export function parseCrowsPairs(file: BenchmarkFile): readonly CrowsPair[] {
  return parsePairTable(file, ',').map(({ fields, where }) => {
    const biasType = fields.bias_type;
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(biasType)) {
      throw new DataError(
        `${where}: bias_type is ${JSON.stringify(biasType)}; expected lower-case words joined by hyphens`,
      );
    }
    return checkPair(fields, biasType, where);
  });
}

/** The columns of a pair as the file has them. */
export type PairFields = Readonly<Record<(typeof PAIR_FIELDS)[number], string>>;

/** The rows below a header line that names the columns. Throws DataError. */
export function parsePairTable(
  file: BenchmarkFile,
  delimiter: ',' | '\t',
): readonly { readonly fields: PairFields; readonly where: string }[] {
  const rows = parseRows(file, delimiter);
  const header = rows[0]?.record;
  if (header === undefined) throw new DataError(`${file.path}: expected a header line; the file is empty`);
  const places = PAIR_FIELDS.map((column) => {
    if (header.filter((name) => name === column).length === 1) return header.indexOf(column);
    throw new DataError(`${file.path}: line 1: expected one column "${column}"; found ${JSON.stringify(header)}`);
  });
  if (rows.length === 1) throw new DataError(`${file.path}: expected sentence pairs below the header; found none`);
  return rows.slice(1).map(({ record, line }) => {
    const where = `${file.path}: line ${line}`;
    if (record.length !== header.length) {
      throw new DataError(`${where}: expected ${header.length} fields; found ${record.length}`);
    }
    const [sent_more, sent_less, stereo_antistereo, bias_type] = places.map((place) => record[place]!); // place < header.length
    return { fields: { sent_more, sent_less, stereo_antistereo, bias_type } as PairFields, where }; // one a place
  });
}

/** The pair of these fields under this bias type; throws DataError for an empty or endless sentence and an unknown direction. */
export function checkPair(fields: PairFields, biasType: string, where: string): CrowsPair {
  for (const column of ['sent_more', 'sent_less'] as const) {
    const sentence = fields[column];
    if (sentence.trim() === '') throw new DataError(`${where}: ${column} is empty`);
    if (sentence.length > MAX_SENTENCE_LENGTH) {
      throw new DataError(
        `${where}: ${column} has ${sentence.length} characters; at most ${MAX_SENTENCE_LENGTH} are read`,
      );
    }
  }
  const direction = fields.stereo_antistereo;
  if (direction !== 'stereo' && direction !== 'antistereo') {
    throw new DataError(
      `${where}: stereo_antistereo is ${JSON.stringify(direction)}; expected "stereo" or "antistereo"`,
    );
  }
  return { sentMore: fields.sent_more, sentLess: fields.sent_less, direction, biasType };
}

/** Scores the pairs in file order; throws what the model throws. */
export async function scoreCrowsPairs(
  pairs: readonly CrowsPair[],
  model: ScoringModel,
  protocol: Protocol = 'likelihood',
): Promise<Item[]> {
  const texts = pairs.flatMap((pair) => [pair.sentMore, pair.sentLess]);
  const scored = (await scoreTexts(model, texts)).map((text) => (protocol === 'fp16-emulated' ? inHalf(text) : text));
  const sources = sourcesOf(pairs);
  return pairs.map((pair, index) => {
    const more = scored[2 * index]!; // two texts a pair
    const less = scored[2 * index + 1]!;
    const item = {
      index,
      source: sources[index]!, // one a pair
      biasType: pair.biasType,
      direction: pair.direction,
      ...(protocol === 'shared-tokens' ? sharedTokens(more, less) : allTokens(more, less)),
    };
    const contrast = pair.biasType === 'gender' ? contrastPronouns(pair.sentMore, pair.sentLess) : null;
    if (contrast === null || !contrast.isOnlyDifference) return item;
    const halves = { ...item, stereotype: contrast.genders[0], pronouns: contrast.pronouns };
    if (protocol === 'shared-tokens') return halves; // the pronouns themselves are not scored
    return { ...halves, isPronounOnly: true, pronounLogProb: pronounLogProbs(model, [more, less], contrast) };
  });
}

type Sums = Pick<Item, 'logLikelihood' | 'numTokens'>;

function allTokens(more: ScoredText, less: ScoredText): Sums {
  return { logLikelihood: [more.logLikelihood, less.logLikelihood], numTokens: [more.ids.length, less.ids.length] };
}

function sharedTokens(more: ScoredText, less: ScoredText): Sums {
  const blocks = matchingBlocks(more.ids, less.ids);
  const sum = (logProbs: Float64Array, startOf: (block: Block) => number) =>
    blocks.reduce((total, block) => {
      const start = startOf(block);
      return logProbs.subarray(start, start + block.length).reduce((running, value) => running + value, total);
    }, 0);
  const numShared = blocks.reduce((total, { length }) => total + length, 0);
  return {
    logLikelihood: [sum(more.logProbs, ({ a }) => a), sum(less.logProbs, ({ b }) => b)],
    numTokens: [numShared, numShared],
  };
}

// Each log P and the sum of all as half-precision numbers; the sum of such numbers is exact before it is rounded. The logits and all
// before them stay in single precision, so this is nearer to the published runs, not equal to them.
function inHalf(text: ScoredText): ScoredText {
  const logProbs = text.logProbs.map(roundToHalf);
  return { ...text, logProbs, logLikelihood: roundToHalf(logProbs.reduce((total, value) => total + value, 0)) };
}

// For each pair the place of the first one with the same sent_more: the official file has one pair twice.
function sourcesOf(pairs: readonly CrowsPair[]): readonly number[] {
  const first = new Map<string, number>();
  return pairs.map(({ sentMore }, index) => {
    const source = first.get(sentMore) ?? index;
    first.set(sentMore, source);
    return source;
  });
}

interface Row {
  readonly record: readonly string[];
  readonly line: number;
}

function parseRows(file: BenchmarkFile, delimiter: string): readonly Row[] {
  try {
    const rows = parse(textOf(file), { info: true, relax_column_count: true, delimiter }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
    return rows.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DataError(`${file.path}: not a CSV file: ${messageOf(error)}`, { cause: error });
  }
}
