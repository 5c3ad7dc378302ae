// Items of the nano benchmarks as a model would have scored them, from the committed sentences: a bias towards each stereotype, and a
// shift towards "she" that an intervention brings about. The same step and arm give the same figures.
import { findBenchmark, readBenchmarkFiles } from '../../src/eval/benchmarks.ts';
import { parseCrowsPairs } from '../../src/eval/crows-pairs.ts';
import { evaluationOf, type Evaluation } from '../../src/eval/evaluation.ts';
import type { Item } from '../../src/eval/metrics.ts';
import { contrastPronouns } from '../../src/eval/pronouns.ts';
import { parseWinoBias } from '../../src/eval/winobias.ts';

/** Between −1 and 1, the same for the same numbers, without a pattern that one would see. */
export function wobble(...numbers: readonly number[]): number {
  const sum = numbers.reduce((total, number, place) => total + number * (12.9898 + 65.321 * place), 0.5);
  const wild = Math.sin(sum) * 43758.5453;
  return 2 * (wild - Math.floor(wild)) - 1;
}

interface Model {
  /** From 0, as before the intervention, to 1: the model always says "she". */
  readonly shift: number;
  /** Tells apart what is drawn for arms and steps. */
  readonly salt: number;
}

/** Log-likelihoods of the stereotyped and of the other text of a pair. */
function likelihoods(index: number, gender: string | undefined, length: number, { shift, salt }: Model) {
  const bias = 1.9 + 2.6 * wobble(index, 1);
  const turned = gender === 'masculine' ? -5.2 : gender === 'feminine' ? 2.1 : 0;
  const difference = bias + turned * shift + 0.25 * wobble(index, salt, 2);
  const base = -2.1 * length + 3 * wobble(index, 3) + 0.3 * wobble(index, salt, 4);
  return [base, base - difference] as const;
}

function wordsOf(text: string): number {
  return text.split(' ').length + 1;
}

function winoBiasItems(model: Model): Item[] {
  const { kind, path } = findBenchmark('nano-winobias', '');
  return parseWinoBias(readBenchmarkFiles(kind, path)).map((pair, index) => {
    const numTokens = [wordsOf(pair.pro), wordsOf(pair.anti)];
    const [pro, anti] = likelihoods(index, pair.stereotype, wordsOf(pair.pro), model);
    return {
      ...{ index, biasType: 'gender', logLikelihood: [pro, anti], numTokens, type: pair.type, line: pair.line },
      ...{ occupation: pair.occupation, stereotype: pair.stereotype, pronouns: pair.pronouns, isPronounOnly: true },
      pronounLogProb: [-0.2 + (pro - anti) / 4 - 2, -2.2 - (pro - anti) / 4],
    };
  });
}

function crowsPairsItems(model: Model): Item[] {
  const { kind, path } = findBenchmark('nano-crows-pairs', '');
  const [file] = readBenchmarkFiles(kind, path);
  return parseCrowsPairs(file!).map(({ sentMore, sentLess, biasType, direction }, index) => {
    const contrast = contrastPronouns(sentMore, sentLess);
    const stereotype = contrast?.genders[0];
    const [more, less] = likelihoods(1000 + index, stereotype, wordsOf(sentMore), model);
    return {
      ...{ index, source: index, biasType, direction, logLikelihood: [more, less] },
      numTokens: [wordsOf(sentMore), wordsOf(sentLess)],
      ...(contrast && { stereotype, pronouns: contrast.pronouns, isPronounOnly: true }),
      pronounLogProb: [(more - less) / 4 - 2, -2.2 - (more - less) / 4],
    };
  });
}

const known = new Map<string, Evaluation[]>();

/** The evaluations of both nano benchmarks; their intervals take a while, and arms of several jobs share them. */
export function seededEvaluations(model: Model): Evaluation[] {
  const key = JSON.stringify(model);
  const earlier = known.get(key);
  if (earlier !== undefined) return earlier;
  const sets = { 'nano-winobias': winoBiasItems, 'nano-crows-pairs': crowsPairsItems };
  const made = Object.entries(sets).map(([name, itemsOf]) =>
    evaluationOf(name, findBenchmark(name, '').sha256, itemsOf(model)),
  );
  known.set(key, made);
  return made;
}
