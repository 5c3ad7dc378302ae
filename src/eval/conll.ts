// WinoBias in CoNLL-2012 form, as the Hugging Face data set `wino_bias` is made of it: files test_type{1,2}_{pro,anti}_stereotype.v4_auto_conll
// of uclanlp/corefBias. A document is one sentence; column 4 is the word, the last column opens and closes mentions, of which the first
// is the occupation and the second the pronoun that the question is about (some sentences have a third).
import { DataError } from '../errors.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import { pronounGender, type Gender } from './pronouns.ts';

export interface CorefDocument {
  /** The number in the document's name, which twins share. */
  readonly number: number;
  readonly words: readonly string[];
  /** First and last word of the occupation, then of the pronoun, counted from 0. */
  readonly mentions: readonly [number, number, number, number];
  /** Gender of that pronoun. */
  readonly gender: Gender;
}

const BEGIN = /^#begin document \(\S*\/(\d{1,9})\); part \d+$/;
const WORD_COLUMN = 3;

/** The documents in file order. Throws DataError naming file and line for anything of another form. */
export function parseConll(file: BenchmarkFile): readonly CorefDocument[] {
  const documents: CorefDocument[] = [];
  let open: { number: number; words: string[]; marks: string[] } | null = null;
  textOf(file)
    .split(/\r?\n/)
    .forEach((line, i) => {
      const where = `${file.path}: line ${i + 1}`;
      if (line.startsWith('#end document')) {
        if (open === null) throw new DataError(`${where}: the end of a document that has not begun`);
        documents.push(documentOf(open, where));
        open = null;
      } else if (line.startsWith('#begin document')) {
        const number = BEGIN.exec(line)?.[1];
        if (open !== null || number === undefined)
          throw new DataError(`${where}: expected one numbered document after the other; found ${shown(line)}`);
        open = { number: Number(number), words: [], marks: [] };
      } else if (line.trim() !== '') {
        const columns = line.split('\t');
        if (open === null || columns.length <= WORD_COLUMN + 1)
          throw new DataError(`${where}: expected columns parted by tabs within a document; found ${shown(line)}`);
        open.words.push(columns[WORD_COLUMN]!); // columns were counted
        open.marks.push(columns.at(-1)!.trim());
      }
    });
  if (open !== null) throw new DataError(`${file.path}: the last document has no end`);
  if (documents.length === 0) throw new DataError(`${file.path}: expected CoNLL documents; found none`);
  return documents;
}

function documentOf(
  { number, words, marks }: { number: number; words: readonly string[]; marks: readonly string[] },
  where: string,
): CorefDocument {
  const starts: number[] = [];
  const mentions: number[] = [];
  marks.forEach((mark, place) => {
    if (!/^(-|\(?\d+\)?)$/.test(mark)) throw new DataError(`${where}: cannot read the mention ${shown(mark)} above`);
    if (mark.startsWith('(')) starts.push(place);
    if (mark.endsWith(')')) mentions.push(starts.pop() ?? NaN, place);
  });
  const [first, last, pronoun, pronounEnd] = mentions;
  const gender = pronounGender(words.slice(pronoun, (pronounEnd ?? -1) + 1).join(' '));
  if (starts.length > 0 || mentions.includes(NaN) || pronounEnd === undefined || gender === null)
    throw new DataError(`${where}: expected an occupation and then a pronoun as mentions of document ${number}`);
  return { number, words, mentions: [first!, last!, pronoun!, pronounEnd], gender }; // there is a fourth
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
