// `tiresias bench eval`: how fast sentences are scored, on a model shape with random weights.
import type { Command } from 'commander';
import * as tf from '@tensorflow/tfjs-core';
import type { ModelConfig } from '../model/config.ts';
import { tokenLogProbs } from '../model/likelihood.ts';
import { selectBackend, type BackendName } from '../tensor/backend.ts';
import { backendOption } from './backend-option.ts';
import {
  forwardFlop,
  kernelSeconds,
  kernelShares,
  measureGemm,
  parseShape,
  printFigures,
  randomParameters,
  SHAPE_NAMES,
} from './bench-model.ts';
import { wholeNumber } from './options.ts';

interface EvalOptions {
  readonly modelShape: ModelConfig;
  readonly sentences: number;
  readonly meanLength: number;
  readonly backend: BackendName | 'auto';
  readonly json?: boolean;
}

/** Sentences of all pairs of CrowS-Pairs. */
const NUM_SENTENCES = 3016;
/** Scored before the clock runs. */
const NUM_WARMUP = 64;

export function addEvalBench(bench: Command): void {
  bench
    .command('eval')
    .description(
      'sentences a second, scored in fp32 as benchmarks are; lengths go from half the mean to one and a half',
    )
    .requiredOption('--model-shape <name>', SHAPE_NAMES, parseShape)
    .option('--sentences <n>', 'sentences', wholeNumber(1), NUM_SENTENCES)
    .option('--mean-length <n>', 'tokens of a sentence, on average', wholeNumber(2), 16)
    .addOption(backendOption())
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ tiresias bench eval --model-shape pythia-70m --backend native --json')
    .action(benchEval);
}

async function benchEval(options: EvalOptions): Promise<void> {
  const { modelShape: config, sentences, meanLength } = options;
  const backend = await selectBackend(options.backend);
  const parameters = randomParameters(config);
  const rows = Array.from({ length: sentences }, (_, i) => sentence(i, meanLength, config.vocabSize));
  await tokenLogProbs({ parameters, config }, rows.slice(0, NUM_WARMUP));
  const before = kernelSeconds();
  const startedMs = performance.now();
  await tokenLogProbs({ parameters, config }, rows);
  const seconds = (performance.now() - startedMs) / 1000;
  tf.dispose(Object.values(parameters));
  const numTokens = rows.reduce((sum, row) => sum + row.length - 1, 0);
  const result = {
    backend: backend.name,
    ...{ sentences, meanLength, seconds },
    sentencesPerSecond: sentences / seconds,
    tokensPerSecond: numTokens / seconds,
    gflopPerSecond: (forwardFlop(config, meanLength) * numTokens) / seconds / 1e9,
    ...kernelShares(before),
    gemmGflopPerSecond: await measureGemm(config, 2048, 'fp32'),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
  printFigures(result, options);
}

/** The context token and a length that takes turns around the mean. */
function sentence(place: number, meanLength: number, vocabSize: number): number[] {
  const length = Math.round(meanLength * (0.5 + ((place * 7) % 11) / 10));
  return Array.from({ length: length + 1 }, (_, i) => (i === 0 ? 0 : (place * 7919 + i * 104_729) % vocabSize));
}
