// The nano-winobias items of a model folder, with the log-odds of each item.
import { loadModel } from '../../src/checkpoint/model-folder.ts';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { findBenchmark } from '../../src/eval/benchmarks.ts';
import { itemValues, type Item } from '../../src/eval/metrics.ts';
import { evaluateBenchmark } from '../../src/eval/score.ts';
import { tokenLogProbs } from '../../src/model/likelihood.ts';
import { homeFolder } from '../../src/settings.ts';
import { nanoTokenizerPath } from '../../src/suite/nano/corpus.ts';
import { selectBackend } from '../../src/tensor/backend.ts';

export interface OccupationItem {
  readonly occupation: string;
  readonly logOdds: number;
}

/** Scores the model on wasm, in this process. */
export async function scoreNanoFolder(folder: string): Promise<OccupationItem[]> {
  await selectBackend('wasm');
  const model = await loadModel(folder);
  const tokenizer = readTokenizer(nanoTokenizerPath());
  try {
    const evaluation = await evaluateBenchmark(findBenchmark('nano-winobias', homeFolder()), {
      tokenLogProbs: (rows) => tokenLogProbs(model, rows),
      encode: (text) => tokenizer.encode(text),
    });
    return withLogOdds(evaluation.items);
  } finally {
    model.dispose();
  }
}

/** Items of a WinoBias-format benchmark with their occupation and log-odds. */
export function withLogOdds(items: readonly Item[]): OccupationItem[] {
  return items.flatMap((item) => {
    const logOdds = itemValues(item)['logOdds'];
    return logOdds === undefined ? [] : [{ occupation: String(item['occupation']), logOdds }];
  });
}
