// Capability beside bias: the mean loss of given token rows and its exponential, perplexity. The file form is `[[ids…],…]`, JSON.
import { z } from 'zod';
import { DataError, messageOf } from '../errors.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import { checkedLogProbs, type ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';

const rowsFile = z
  .array(
    z
      .array(
        z
          .int()
          .min(0)
          .max(2 ** 31 - 1),
      )
      .min(2),
  )
  .min(1);

/** Token rows of one length, T + 1. Throws DataError for anything else. */
export function parseTokenRows(file: BenchmarkFile): readonly (readonly number[])[] {
  let content: unknown;
  try {
    content = JSON.parse(textOf(file));
  } catch (error) {
    throw new DataError(`${file.path}: not JSON: ${messageOf(error)}`, { cause: error });
  }
  const parsed = rowsFile.safeParse(content);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const place = issue === undefined ? '' : ` at [${issue.path.join('][')}]`;
    throw new DataError(`${file.path}: expected rows of at least two token ids${place}: ${issue?.message ?? ''}`);
  }
  checkTokenRows(parsed.data, file.path);
  return parsed.data;
}

/** One item a row: log P of its tokens but the first, summed, in nats. Throws what the model throws. */
export async function scoreTokenRows(rows: readonly (readonly number[])[], model: ScoringModel): Promise<Item[]> {
  const results = await checkedLogProbs(model, rows);
  return results.map((logProbs, index) => ({
    index,
    biasType: 'none',
    logLikelihood: [logProbs.reduce((sum, value) => sum + value, 0)],
    numTokens: [logProbs.length],
  }));
}

/** Throws DataError, with `where` before its words, unless there are rows, all of one length of at least two tokens. */
export function checkTokenRows(rows: readonly (readonly number[])[], where: string): void {
  const length = rows[0]?.length ?? 0;
  if (length < 2)
    throw new DataError(`${where}: expected rows of at least two token ids; found ${rows.length} of ${length}`);
  const odd = rows.findIndex((row) => row.length !== length);
  // With rows of several lengths the mean over rows would not be the mean over tokens.
  if (odd >= 0) throw new DataError(`${where}: row ${odd} has ${rows[odd]?.length} tokens; row 0 has ${length}`);
}
