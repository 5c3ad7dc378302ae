// The protocol `pythia-em`: WinoBias as the Pythia repository scored it. Each sentence is put into templates of PromptSource that ask what
// its pronoun stands for, the model continues greedily without examples, and the first words of its answer must be the occupation
// (exact-match.ts). Net bias is the mean over pro less the mean over anti sentences, accuracy the mean over all; both subsets of a type have
// the same number of sentences, so both figures are means over twins. Text is decoded without special tokens, and without Hugging
// Face's clean-up of blanks before punctuation.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Tokenizer } from '../data/tokenizer.ts';
import { DataError, InputError, NotFoundError } from '../errors.ts';
import { continueGreedily, type GenerateOptions, type GeneratingModel } from '../model/generate.ts';
import { benchmarkSha256, isOwnName, isReserved, readBenchmarkFile } from './benchmarks.ts';
import { parseConll, type CorefDocument } from './conll.ts';
import { evaluationOf, type Evaluation } from './evaluation.ts';
import { isExactMatch, isSettled, predictionOf } from './exact-match.ts';
import type { Item } from './metrics.ts';
import { findTemplate, readTemplates, type Prompt, type PromptEdges, type PromptTemplate } from './prompt-templates.ts';

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

/** The two templates of the published figures. */
export const PYTHIA_TEMPLATES: readonly string[] = ['What does p stand for', 'refers_to'];

export const PYTHIA_EM_DEFAULTS: PythiaEmSettings = {
  templates: PYTHIA_TEMPLATES,
  promptEdges: 'stripped',
  maxNew: 128,
  isFullLength: false,
};

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

/** The files of the protocol, read. */
export interface PythiaEmFiles {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly isOfficial: boolean;
  readonly subsets: Readonly<Record<Subset, SubsetFiles>>;
}

interface SubsetFiles {
  readonly documents: readonly CorefDocument[];
  readonly templates: ReadonlyMap<string, PromptTemplate>;
}

const SUBSETS = ['type1_pro', 'type1_anti', 'type2_pro', 'type2_anti'] as const;
type Subset = (typeof SUBSETS)[number];

/** SHA-256 of the official files: the sentences in CoNLL form, and PromptSource's templates. */
const OFFICIAL: Readonly<Record<Subset, readonly [conll: string, templates: string]>> = {
  type1_pro: [
    '419c0f4ecff4c6b1d81f0ce646e8ce1ebff9bde4729295064049ed9f97ad25d1',
    '74d4977e44aca8752c2bf96a10bd3ade12f46a7aa2d88751967175775cfa1c96',
  ],
  type1_anti: [
    '68a7f4f0f055f5cddeed3b0a07a572fded2b2077c1afd2bb596c02e5fe0c9476',
    '032bc412934122f454233ea97df833fe2082a2d07d56a172022814f82a07d8e2',
  ],
  type2_pro: [
    '7720dee1432dc6a3d6077c442ddea37c63773e80f4f75c79b27e00087f88d574',
    '94b66b080d58d6f7b9d7d429fbaf00241afd3bfe4aa6f289baab4991b676186f',
  ],
  type2_anti: [
    'c9a6b66d60ce6a008f0d8cb619786042454abc6e9502d134cf88352aed7da57b',
    'b3f3fb00f9f256fc6095c612ea209112349a9b2218148a86015cd20e3c8df17e',
  ],
};

/** Token 0 is `<|endoftext|>` in Pythia's tokenizer and in those of this program. */
const END_OF_TEXT = 0;

/**
 * Reads the four CoNLL files, from the folder or its `conll` or `conll_format`, and the four `SUBSET/templates.yaml`. Official files get
 * the official name, all others `ownName` or `own-winobias`. Throws NotFoundError, DataError for files of another form or twins
 * without each other, InputError when other files ask for an official name.
 */
export function openPythiaEm(dataFolder: string, templatesFolder: string, ownName?: string): PythiaEmFiles {
  const folder = conllFolder(dataFolder);
  const files = SUBSETS.map((subset) => ({
    subset,
    conll: readBenchmarkFile(join(folder, conllName(subset))),
    templates: readBenchmarkFile(join(templatesFolder, subset, 'templates.yaml')),
  }));
  const isOfficial = files.every(
    ({ subset, conll, templates }) => conll.sha256 === OFFICIAL[subset][0] && templates.sha256 === OFFICIAL[subset][1],
  );
  if (
    ownName !== undefined &&
    (!isOwnName(ownName) || (isReserved(ownName) && !(isOfficial && ownName === 'winobias')))
  )
    throw new InputError(`${dataFolder}: these files cannot be called "${ownName}"; give the set a name of its own`);
  const read = files.map(({ subset, conll, templates }) => {
    return [subset, { documents: parseConll(conll), templates: readTemplates(templates) }] as const;
  });
  const named = files.flatMap(({ subset, conll, templates }) => [
    conll,
    { ...templates, name: `${subset}/${templates.name}` },
  ]);
  return {
    name: ownName ?? (isOfficial ? 'winobias' : 'own-winobias'),
    path: resolve(folder),
    sha256: benchmarkSha256(named),
    isOfficial,
    subsets: Object.fromEntries(read) as Record<Subset, SubsetFiles>, // every subset was read
  };
}

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

/** Twins in one template. */
export interface Question {
  readonly template: string;
  readonly type: 1 | 2;
  readonly pro: CorefDocument;
  readonly prompts: readonly [pro: Prompt, anti: Prompt];
}

/** Template by template, type 1 before type 2, in the order of the pro files. */
export function questionsOf(
  { path, subsets }: PythiaEmFiles,
  { templates, promptEdges }: Pick<PythiaEmSettings, 'templates' | 'promptEdges'>,
): readonly Question[] {
  if (templates.length === 0 || new Set(templates).size < templates.length)
    throw new InputError(`expected names of templates, each once; found ${JSON.stringify(templates)}`);
  return templates.flatMap((name) =>
    ([1, 2] as const).flatMap((type) => {
      const [pro, anti] = [subsets[`type${type}_pro`], subsets[`type${type}_anti`]];
      const twins = new Map(anti.documents.map((document) => [document.number, document]));
      if (twins.size !== pro.documents.length || twins.size !== anti.documents.length)
        throw new DataError(`${path}: type ${type}: expected as many anti as pro documents, each number once`);
      return pro.documents.map((document): Question => {
        const twin = twins.get(document.number);
        if (twin === undefined)
          throw new DataError(`${path}: type ${type}: document ${document.number} has no anti twin`);
        const prompts = [
          findTemplate(pro.templates, name)(document, promptEdges),
          findTemplate(anti.templates, name)(twin, promptEdges),
        ] as const;
        return { template: name, type, pro: document, prompts };
      });
    }),
  );
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

function conllFolder(folder: string): string {
  const places = ['.', 'conll', 'conll_format'].map((place) => join(folder, place));
  const found = places.find((place) => existsSync(join(place, conllName('type1_pro'))));
  if (found !== undefined) return found;
  throw new NotFoundError(`${folder}: expected the CoNLL files of WinoBias, such as ${conllName('type1_pro')}`);
}

function conllName(subset: Subset): string {
  return `test_${subset}_stereotype.v4_auto_conll`;
}
