// Trial: answers of pythia-em that stop once their score is settled have the same predictions and scores as answers of full length, item by
// item, on 200 items spread over the official set with the suite's own tokenizer. The model has pythia-14m's true shape and random
// weights, five times the first step's, so that it does not say one thing for ever.
import * as tf from '@tensorflow/tfjs-core';
import { readTokenizer } from '../../src/data/tokenizer.ts';
import { answerQuestions, PYTHIA_EM_DEFAULTS, textGenerator } from '../../src/eval/pythia-em.ts';
import { openPythiaEm, questionsOf } from '../../src/eval/pythia-em-files.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import { toTensors } from '../../src/model/tensors.ts';
import { selectBackend } from '../../src/tensor/backend.ts';
import { probeNative } from '../../src/tensor/native.ts';
import { sharedPath } from '../../test/support/shared.ts';
import { expectTrue, expectWithin } from './expect.ts';
import { randomWeights } from './random-model.ts';

const NUM_ITEMS = 200;
const CONFIG: ModelConfig = {
  numLayers: 6,
  hiddenSize: 128,
  numHeads: 4,
  intermediateSize: 512,
  vocabSize: 50_304,
  maxPositions: 2048,
  rotaryFraction: 0.25,
  rotaryBase: 10000,
  layerNormEpsilon: 1e-5,
};

export async function exactMatch(): Promise<void> {
  const { name } = await selectBackend(probeNative().works ? 'native' : 'wasm');
  const files = openPythiaEm(sharedPath('benchmarks', 'winobias'), sharedPath('benchmarks', 'promptsource-wino_bias'));
  const tokenizer = readTokenizer(sharedPath('tokenizer', '20B_tokenizer.json'));
  const weights = [...randomWeights(CONFIG, 1, 5)].map(([name, { data }]) => [name, data] as const);
  const parameters = toTensors(CONFIG, new Map(weights));
  const generator = textGenerator({ parameters, config: CONFIG }, tokenizer);
  const all = questionsOf(files, PYTHIA_EM_DEFAULTS);
  const questions = Array.from({ length: NUM_ITEMS }, (_, i) => all[Math.floor((i * all.length) / NUM_ITEMS)]!);
  const run = async (isFullLength: boolean) => {
    const startedMs = performance.now();
    const { items } = await answerQuestions(files, questions, generator, { ...PYTHIA_EM_DEFAULTS, isFullLength });
    const numTokens = items.flatMap((item) => item.numTokens).reduce((sum, n) => sum + n, 0);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(`   ${isFullLength ? 'full length' : 'until settled'}: ${numTokens} tokens, ${seconds} s on ${name}`);
    return { items, numTokens };
  };
  try {
    const early = await run(false);
    const whole = await run(true);
    const differing = early.items.filter((item, i) => {
      const { predictions, exactMatch: scores } = whole.items[i]!; // the same questions
      return JSON.stringify([item['predictions'], item['exactMatch']]) !== JSON.stringify([predictions, scores]);
    });
    expectWithin('items that differ', differing.length, 0, 0);
    const stopped = early.items.flatMap(({ numTokens }) => numTokens).filter((n) => n < PYTHIA_EM_DEFAULTS.maxNew);
    expectWithin(`answers of ${2 * NUM_ITEMS} that stopped early`, stopped.length, NUM_ITEMS, 2 * NUM_ITEMS);
    expectTrue('stopping saves more than half of the tokens', early.numTokens < whole.numTokens / 2);
  } finally {
    tf.dispose(Object.values(parameters));
  }
}
