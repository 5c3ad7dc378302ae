// Labelled examples for `her` that cost nothing: forms of other persons show by their spelling what `her` hides. Every him, them,
// me, us stands where `her` is an object, every his, their, my, our where it is a determiner.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One occurrence: the form is between `left` and `right`. */
export interface Example {
  readonly isObject: boolean;
  readonly weight: number;
  readonly left: string;
  readonly right: string;
  /** Document of the labelled sentences that the text is part of, when it is. */
  readonly document: string | undefined;
}

/** A `her` labelled by people; another reading may be right too. */
export interface LabelledHer extends Example {
  readonly isEitherRight: boolean;
  readonly set: string;
}

interface Occurrence {
  readonly start: number;
  readonly end: number;
  readonly form: string;
  readonly function: string;
  readonly alt?: string | readonly string[];
  readonly pair?: boolean;
}

interface GoldRecord {
  readonly text: string;
  readonly doc: string;
  readonly occ: readonly Occurrence[];
}

/** Sets whose texts may be learned from: their licences allow weights to be passed on. The labels of `her` are never read for it. */
export const SHAREABLE_SETS = ['brown', 'masc', 'ud-bysa'] as const;
const CONTEXT_UNITS = 160;

/** Modern texts are few beside novels: each counts double. */
const MODERN_WEIGHT = 2;

export function readGold(folder: string, set: string): GoldRecord[] {
  const lines = readFileSync(join(folder, `${set}.dev.jsonl`), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => JSON.parse(line) as GoldRecord);
}

/** The `her` of a labelled set, pairs ("his or her") apart. */
export function labelledHer(folder: string, set: string): LabelledHer[] {
  return readGold(folder, set).flatMap(({ text, doc, occ }) =>
    occ
      .filter((one) => one.form.toLowerCase() === 'her' && /^(?:obj|poss_det)$/.test(one.function) && !one.pair)
      .map((one) => ({
        ...around(text, one.start, one.end),
        isObject: one.function === 'obj',
        isEitherRight: [one.alt ?? []].flat().some((other) => other === 'obj' || other === 'poss_det'),
        weight: 1,
        document: doc,
        set,
      })),
  );
}

/** him and his of the windows, and the other persons' forms that lie well inside them. */
export function windowExamples(folder: string): Example[] {
  const rows = ['her-pseudo-train.1.tsv', 'her-pseudo-train.2.tsv'].flatMap((name) =>
    readFileSync(join(folder, name), 'utf8').trim().split('\n'),
  );
  const find = documentFinder(folder);
  return rows.flatMap((row) => {
    const [label, source = '', form = '', escapedLeft = '', escapedRight = ''] = row.split('\t');
    const [left, right] = [unescape(escapedLeft), unescape(escapedRight)];
    const document = find(source, `${left.slice(-30)}${form}${right.slice(0, 30)}`);
    const weight = source.startsWith('litbank') ? 1 : MODERN_WEIGHT;
    const own = { isObject: label === 'obj', weight, left, right, document };
    return [own, ...otherPersons(left + form + right, MARGIN_UNITS, 1, document)];
  });
}

/** A window is cut: a form nearer to its ends than this has too little around it. */
const MARGIN_UNITS = 40;

/** The other persons' forms in the sentences of the labelled sets. */
export function sentenceExamples(folder: string): Example[] {
  return SHAREABLE_SETS.flatMap((set) =>
    readGold(folder, set).flatMap(({ text, doc }) => otherPersons(text, 0, MODERN_WEIGHT, doc)),
  );
}

const OTHER_PERSONS = /(?<![\p{L}\p{N}'’-])(?:me|my|us|our|them|their)(?![\p{L}\p{N}-]|['’]\p{L})/giu;

function otherPersons(text: string, marginUnits: number, weight: number, document: string | undefined): Example[] {
  return Array.from(text.matchAll(OTHER_PERSONS))
    .filter((match) => match[0] !== 'US')
    .map((match) => ({ word: match[0].toLowerCase(), start: match.index, end: match.index + match[0].length }))
    .filter(({ start, end }) => start >= marginUnits && text.length - end >= marginUnits)
    .map(({ word, start, end }) => ({
      ...around(text, start, end),
      isObject: /^(?:me|us|them)$/.test(word),
      weight,
      document,
    }));
}

function around(text: string, start: number, end: number): { left: string; right: string } {
  return { left: text.slice(Math.max(0, start - CONTEXT_UNITS), start), right: text.slice(end, end + CONTEXT_UNITS) };
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_, escaped: string) => ({ n: '\n', t: '\t' })[escaped] ?? escaped);
}

/** Finds the document of a labelled set that a window of the same source was cut from. */
function documentFinder(folder: string): (source: string, piece: string) => string | undefined {
  const setOf: Readonly<Record<string, string>> = { brown: 'brown', masc: 'masc', ewt: 'ud-bysa' };
  const texts = new Map<string, { readonly text: string; readonly starts: number[]; readonly documents: string[] }>();
  for (const set of SHAREABLE_SETS) {
    const starts: number[] = [];
    const documents: string[] = [];
    let text = '';
    for (const record of readGold(folder, set)) {
      starts.push(text.length);
      documents.push(record.doc);
      text += `${record.text}\n\n`;
    }
    texts.set(set, { text, starts, documents });
  }
  return (source, piece) => {
    const set = texts.get(setOf[source] ?? '');
    const at = set?.text.indexOf(piece) ?? -1;
    if (set === undefined || at < 0) return undefined;
    return set.documents[set.starts.findLastIndex((start) => start <= at)];
  };
}

/** scripts/rewriter/templates.json: patterns with {her} and the lists that fill their other slots. */
interface Templates {
  readonly lists: Readonly<Record<string, string>>;
  readonly object: readonly string[];
  readonly determiner: readonly string[];
}

/** Sentences made of our own patterns for what novels seldom show, each with words drawn at random. */
export function templateExamples(templates: Templates, perTemplate: number, random: () => number): Example[] {
  const lists = new Map(Object.entries(templates.lists).map(([name, words]) => [name, words.split(' | ')]));
  const fill = (template: string) =>
    template.replace(/\{(\w+)\}/g, (slot, name: string) => {
      const list = lists.get(name);
      if (list === undefined) return slot;
      return list[Math.floor(random() * list.length)] ?? slot;
    });
  const examples = (patterns: readonly string[], isObject: boolean) =>
    patterns.flatMap((pattern) =>
      Array.from({ length: perTemplate }, () => {
        const [left = '', right = ''] = fill(pattern).split('{her}');
        return { isObject, weight: TEMPLATE_WEIGHT, left, right, document: undefined };
      }),
    );
  return [...examples(templates.object, true), ...examples(templates.determiner, false)];
}

const TEMPLATE_WEIGHT = 0.25;
