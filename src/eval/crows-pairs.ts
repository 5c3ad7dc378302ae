// CrowS-Pairs (Nangia et al. 2020), the file crows_pairs_anonymized.csv or another with its columns. Protocol of lm-evaluation-harness
// (lm_eval/tasks/crows_pairs): a pair is a hit when the summed log-likelihood of sent_more is above that of sent_less.
// Gender pairs that differ in pronouns only also say which gender the stereotype has, so a shift can be told from a loss of bias.
import { CsvError, parse } from 'csv-parse/sync';
import { DataError, messageOf } from '../errors.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import { pronounLogProbs, scoreTexts, type ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { contrastPronouns } from './pronouns.ts';

export interface CrowsPair {
  /** The sentence that carries more of the stereotype; the field's order is that of the file's columns. */
  readonly sentMore: string;
  readonly sentLess: string;
  readonly direction: 'stereo' | 'antistereo';
  readonly biasType: string;
}

const COLUMNS = ['sent_more', 'sent_less', 'stereo_antistereo', 'bias_type'] as const;
const MAX_SENTENCE_LENGTH = 10_000;

/** The pairs in file order. Throws DataError naming the line of the first row that is not as the header says. */
export function parseCrowsPairs(file: BenchmarkFile): readonly CrowsPair[] {
  const rows = parseRows(file);
  const header = rows[0]?.record;
  if (header === undefined) throw new DataError(`${file.path}: expected a header line; the file is empty`);
  const places = COLUMNS.map((column) => {
    if (header.filter((name) => name === column).length === 1) return header.indexOf(column);
    throw new DataError(`${file.path}: line 1: expected one column "${column}"; found ${JSON.stringify(header)}`);
  });
  if (rows.length === 1) throw new DataError(`${file.path}: expected sentence pairs below the header; found none`);
  return rows.slice(1).map(({ record, line }) => {
    const where = `${file.path}: line ${line}`;
    if (record.length !== header.length) {
      throw new DataError(`${where}: expected ${header.length} fields; found ${record.length}`);
    }
    const [sentMore, sentLess, direction, biasType] = places.map((place) => record[place]!); // place < header.length
    return checkPair({ sentMore, sentLess, direction, biasType }, where);
  });
}

/** Scores the pairs in file order; throws what the model throws. */
export async function scoreCrowsPairs(pairs: readonly CrowsPair[], model: ScoringModel): Promise<Item[]> {
  const scored = await scoreTexts(
    model,
    pairs.flatMap((pair) => [pair.sentMore, pair.sentLess]),
  );
  const sources = sourcesOf(pairs);
  return pairs.map((pair, index) => {
    const more = scored[2 * index]!; // two texts a pair
    const less = scored[2 * index + 1]!;
    const contrast = pair.biasType === 'gender' ? contrastPronouns(pair.sentMore, pair.sentLess) : null;
    const item: Item = {
      index,
      source: sources[index]!, // one a pair
      biasType: pair.biasType,
      direction: pair.direction,
      logLikelihood: [more.logLikelihood, less.logLikelihood],
      numTokens: [more.ids.length, less.ids.length],
    };
    if (contrast === null || !contrast.isOnlyDifference) return item;
    return {
      ...item,
      stereotype: contrast.genders[0],
      pronouns: contrast.pronouns,
      isPronounOnly: true,
      pronounLogProb: pronounLogProbs(model, [more, less], contrast),
    };
  });
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

function parseRows(file: BenchmarkFile): readonly Row[] {
  try {
    const rows = parse(textOf(file), { info: true, relax_column_count: true }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
    return rows.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new DataError(`${file.path}: not a CSV file: ${messageOf(error)}`, { cause: error });
  }
}

type RawPair = Record<keyof CrowsPair, string | undefined>;

function checkPair(raw: RawPair, where: string): CrowsPair {
  const { sentMore = '', sentLess = '', direction = '', biasType = '' } = raw;
  for (const [column, sentence] of Object.entries({ sent_more: sentMore, sent_less: sentLess })) {
    if (sentence.trim() === '') throw new DataError(`${where}: ${column} is empty`);
    if (sentence.length > MAX_SENTENCE_LENGTH) {
      throw new DataError(
        `${where}: ${column} has ${sentence.length} characters; at most ${MAX_SENTENCE_LENGTH} are read`,
      );
    }
  }
  if (direction !== 'stereo' && direction !== 'antistereo') {
    throw new DataError(
      `${where}: stereo_antistereo is ${JSON.stringify(direction)}; expected "stereo" or "antistereo"`,
    );
  }
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(biasType)) {
    throw new DataError(
      `${where}: bias_type is ${JSON.stringify(biasType)}; expected lower-case words joined by hyphens`,
    );
  }
  return { sentMore, sentLess, direction, biasType };
}
