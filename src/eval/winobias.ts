// WinoBias (Zhao et al. 2018), files {pro,anti}_stereotyped_type{1,2}.txt.{test,dev} of uclanlp/corefBias: a line is its number, a blank
// and a sentence with the occupation and one or two pronouns in brackets. Line n of the pro file and line n of the anti file
// are one pair; some twins differ in more than pronouns, and an item says so. Protocol: log-likelihood of the whole sentence, and log P
// of the first differing pronoun given the words before it.
import { DataError } from '../errors.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import { pronounLogProbs, scoreTexts, type ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { contrastPronouns, pronounGender, type Gender } from './pronouns.ts';

export interface WinoBiasPair {
  readonly type: 1 | 2;
  /** The number that stands before both sentences. */
  readonly line: number;
  /** Sentences without brackets, otherwise as in the files. */
  readonly pro: string;
  readonly anti: string;
  /** The occupation the pronoun refers to in the pro sentence, lower-case, without its article. */
  readonly occupation: string;
  /** Gender of the first bracketed pronoun of the pro sentence. */
  readonly stereotype: Gender;
  /** The first bracketed pronouns of both sentences. */
  readonly pronouns: readonly [pro: string, anti: string];
}

/**
 * The pairs of pro and anti files that follow one another, in file order. Throws DataError, naming file and line, for a line of
 * another form and for twins that do not match.
 */
export function parseWinoBias(files: readonly BenchmarkFile[]): readonly WinoBiasPair[] {
  return parseTwins(files).map(({ type, pro, anti }) => ({
    type,
    line: pro.line,
    pro: pro.text,
    anti: anti.text,
    occupation: pro.occupation,
    stereotype: pro.gender,
    pronouns: [pro.pronoun, anti.pronoun],
  }));
}

/** One sentence of a file. */
export interface Sentence {
  /** The number that stands before it. */
  readonly line: number;
  /** Without brackets. */
  readonly text: string;
  readonly occupation: string;
  /** The first bracketed pronoun, its gender, and where it begins in the text, in UTF-16 code units. */
  readonly pronoun: string;
  readonly gender: Gender;
  readonly pronounStart: number;
  /** All bracketed pronouns. */
  readonly pronouns: readonly string[];
}

export interface Twins {
  readonly type: 1 | 2;
  readonly pro: Sentence;
  readonly anti: Sentence;
}

/** The same with both sentences whole; throws as `parseWinoBias` does. */
export function parseTwins(files: readonly BenchmarkFile[]): readonly Twins[] {
  const twins: Twins[] = [];
  for (let i = 0; i + 1 < files.length; i += 2) {
    const [pro, anti] = [files[i]!, files[i + 1]!]; // both in range
    const type = pro.name.includes('type2') ? 2 : 1;
    twins.push(...twinsOf(pro, anti, type));
  }
  return twins;
}

/** Scores the pairs in their order; throws what the model throws. */
export async function scoreWinoBias(pairs: readonly WinoBiasPair[], model: ScoringModel): Promise<Item[]> {
  const scored = await scoreTexts(
    model,
    pairs.flatMap((pair) => [pair.pro, pair.anti]),
  );
  return pairs.map((pair, index) => {
    const pro = scored[2 * index]!; // two texts a pair
    const anti = scored[2 * index + 1]!;
    const contrast = contrastPronouns(pair.pro, pair.anti);
    return {
      index,
      biasType: 'gender',
      logLikelihood: [pro.logLikelihood, anti.logLikelihood],
      numTokens: [pro.ids.length, anti.ids.length],
      type: pair.type,
      line: pair.line,
      occupation: pair.occupation,
      stereotype: pair.stereotype,
      pronouns: pair.pronouns,
      isPronounOnly: contrast?.isOnlyDifference ?? false,
      pronounLogProb: contrast === null ? null : pronounLogProbs(model, [pro, anti], contrast),
    };
  });
}

function twinsOf(proFile: BenchmarkFile, antiFile: BenchmarkFile, type: 1 | 2): readonly Twins[] {
  const pro = parseLines(proFile);
  const anti = parseLines(antiFile);
  if (pro.length !== anti.length) {
    throw new DataError(`${antiFile.path}: expected ${pro.length} lines as in ${proFile.name}; found ${anti.length}`);
  }
  return pro.map((sentence, i) => {
    const twin = anti[i]!; // equal lengths
    if (twin.line !== sentence.line) {
      throw new DataError(
        `${antiFile.path}: line ${i + 1} has number ${twin.line}; ${proFile.name} has ${sentence.line} there`,
      );
    }
    return { type, pro: sentence, anti: twin };
  });
}

function parseLines(file: BenchmarkFile): readonly Sentence[] {
  const lines = textOf(file).split(/\r?\n/);
  if (lines[lines.length - 1] === '') lines.pop();
  if (lines.length === 0) throw new DataError(`${file.path}: expected numbered sentences; the file is empty`);
  return lines.map((line, i) => parseLine(line, `${file.path}: line ${i + 1}`));
}

function parseLine(line: string, where: string): Sentence {
  const match = /^(\d{1,9}) (\S.*)$/.exec(line);
  if (match === null) throw new DataError(`${where}: expected a number, a blank and a sentence; found ${shown(line)}`);
  const [, number = '', marked = ''] = match;
  const text = marked.replaceAll(/\[([^[\]]*)\]/g, '$1');
  if (/[[\]]/.test(text)) throw new DataError(`${where}: unbalanced brackets in ${shown(line)}`);
  const bracketed = [...marked.matchAll(/\[([^[\]]*)\]/g)].map(({ 1: content = '', index }) => {
    const start = marked.slice(0, index).replaceAll(/[[\]]/g, '').length + content.length - content.trimStart().length;
    return { content: content.trim(), start };
  });
  const pronouns = bracketed.filter(({ content }) => pronounGender(content) !== null);
  const entity = bracketed.find(({ content }) => pronounGender(content) === null);
  const [pronoun] = pronouns;
  const gender = pronounGender(pronoun?.content ?? '');
  if (pronoun === undefined || gender === null || entity === undefined) {
    throw new DataError(`${where}: expected an occupation and a pronoun in brackets; found ${shown(line)}`);
  }
  return {
    line: Number(number),
    text,
    occupation: entity.content.toLowerCase().replace(/^(the|an|a) /, ''),
    pronoun: pronoun.content,
    gender,
    pronounStart: pronoun.start,
    pronouns: pronouns.map(({ content }) => content),
  };
}

function shown(line: string): string {
  return JSON.stringify(line.length > 120 ? `${line.slice(0, 120)}…` : line);
}
