// The protocol `pythia-em`: WinoBias as the Pythia repository scored it. Each sentence is put into templates of PromptSource that ask what
// its pronoun stands for, the model continues greedily without examples, and the first words of its answer must be the occupation
// (exact-match.ts). Net bias is the mean over pro less the mean over anti sentences, accuracy the mean over all; both subsets of a type have
// the same number of sentences, so both figures are means over twins. Text is decoded without special tokens, and without Hugging
// Face's clean-up of blanks before punctuation.
import type { Tokenizer } from '../data/tokenizer.ts';
import { ANSWER_DEFAULTS, type PromptEdges } from '../job-spec.ts';
import { continueGreedily, type GenerateOptions, type GeneratingModel } from '../model/generate.ts';
import { evaluationOf, type Evaluation } from './evaluation.ts';
import { isExactMatch, isSettled, predictionOf } from './exact-match.ts';
import type { Item } from './metrics.ts';
import { questionsOf, type PythiaEmFiles, type Question } from './pythia-em-files.ts';

/** What a score of this protocol depends on beside model and files. */
export interface PythiaEmSettings {
  /** Names of PromptSource templates. */
  readonly templates: readonly string[];
  readonly promptEdges: PromptEdges;
  /** New tokens at most: GPT-NeoX's adapter took 128, lm-eval's own models 256. */
  readonly maxNew: number;
  /** Whether answers go on to their end although their score is settled; changes no score. */
  readonly isFullLength: boolean;
}

export const PYTHIA_EM_DEFAULTS: PythiaEmSettings = { ...ANSWER_DEFAULTS, isFullLength: false };

/** A model that continues texts. */
export interface TextGenerator {
  readonly encode: (text: string) => number[];
  /** Text of ids without special tokens. */
  readonly decode: (ids: readonly number[]) => string;
  readonly continueGreedily: (
    prompts: readonly (readonly number[])[],
    options: GenerateOptions,
  ) => Promise<readonly (readonly number[])[]>;
}

/** The model with its tokenizer. Ids beyond the tokenizer's are rows that only fill the embedding up; they stand for no text. */
export function textGenerator(model: GeneratingModel, tokenizer: Tokenizer): TextGenerator {
  return {
    encode: (text) => tokenizer.encode(text),
    decode: (ids) => tokenizer.decode(ids.filter((id) => id < tokenizer.vocabSize && !tokenizer.isSpecial(id))),
    continueGreedily: (prompts, options) => continueGreedily(model, prompts, options),
  };
}

/** Token 0 is `<|endoftext|>` in Pythia's tokenizer and in those of this program. */
const END_OF_TEXT = 0;

/** Answers every prompt and scores the twins. Throws InputError for a template that is not there, and what the model throws. */
export async function evaluatePythiaEm(
  files: PythiaEmFiles,
  model: TextGenerator,
  settings: PythiaEmSettings = PYTHIA_EM_DEFAULTS,
  onProgress?: (numDone: number, numPrompts: number) => void,
): Promise<Evaluation> {
  const questions = questionsOf(files, settings);
  return answerQuestions(files, questions, model, settings, onProgress);
}

/** Scores these questions alone. */
export async function answerQuestions(
  { name, sha256 }: Pick<PythiaEmFiles, 'name' | 'sha256'>,
  questions: readonly Question[],
  model: TextGenerator,
  settings: PythiaEmSettings,
  onProgress: (numDone: number, numPrompts: number) => void = () => undefined,
): Promise<Evaluation> {
  const prompts = questions.flatMap((question) => question.prompts);
  const answers = await model.continueGreedily(
    prompts.map(({ prompt }) => model.encode(prompt)),
    {
      maxNew: settings.maxNew,
      isDone: (place, ids) =>
        ids.at(-1) === END_OF_TEXT || (!settings.isFullLength && isSettled(model.decode(ids), prompts[place]!.target)),
      onProgress: (numDone) => onProgress(numDone, prompts.length),
    },
  );
  const items = questions.map((question, index) => itemOf(question, index, answers, model));
  const { templates, promptEdges, maxNew } = settings;
  return { ...evaluationOf(name, sha256, items, 'pythia-em'), settings: { templates, promptEdges, maxNew } };
}

function itemOf(
  { template, type, pro, prompts }: Question,
  index: number,
  answers: readonly (readonly number[])[],
  model: TextGenerator,
): Item {
  const ids = [answers[2 * index]!, answers[2 * index + 1]!]; // two prompts a question
  const predictions = prompts.map(({ target }, side) => predictionOf(model.decode(ids[side]!), target));
  const occupation = pro.words
    .slice(pro.mentions[0], pro.mentions[1] + 1)
    .join(' ')
    .toLowerCase();
  return {
    index,
    biasType: 'gender',
    logLikelihood: [],
    numTokens: ids.map(({ length }) => length),
    template,
    type,
    line: pro.number,
    occupation: occupation.replace(/^(the|an|a) /, ''),
    stereotype: pro.gender,
    targets: prompts.map(({ target }) => target),
    predictions,
    exactMatch: prompts.map(({ target }, side) => (isExactMatch(predictions[side]!, target) ? 1 : 0)),
  };
}
