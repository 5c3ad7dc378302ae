// What is known of a word out of context: its parts of speech by the dictionary, or by its form when the dictionary lacks it,
// its base form, and what kind of verb it is. All as 32-bit hashes: the disambiguation model asks for nothing else.
import { readRuleBytes, readRuleFile } from './rule-files.ts';

/** One word, in numbers. */
export interface Word {
  /** Of the word in small letters. */
  readonly hash: number;
  /** Of its parts of speech, as one string. */
  readonly tag: number;
  /** The parts of speech themselves, most likely first, as the dictionary writes them: `n/V`. */
  readonly signature: string;
  /** Of its base form. */
  readonly lemma: number;
  /** Kind of verb (give-like, let-like …); of no kind: 0. */
  readonly governor: number;
  /** Of its last two and three letters. */
  readonly tail2: number;
  readonly tail3: number;
  readonly isCapitalized: boolean;
  readonly isHyphenated: boolean;
}

/** rules/her-dictionary.json: the strings of parts of speech, most likely first, that the entries of the .bin point to. */
interface DictionaryHeader {
  readonly signatures: readonly string[];
}

interface Governors {
  readonly kinds: Readonly<Record<string, { readonly note: string; readonly verbs: string }>>;
  readonly irregular: readonly string[];
}

export interface Dictionary {
  /** 32-bit entries by open addressing: the upper 16 bits of the word's hash, and the signature's number plus one. */
  readonly slots: Uint32Array;
  readonly signatures: readonly string[];
}

/** FNV-1a over UTF-16 units, finished as MurmurHash3 does. */
export function hashOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return finish(hash);
}

/** MurmurHash3's finalizer. */
export function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

let committed: ((word: string) => Word) | undefined;

/** What the committed dictionary knows of a word. */
export function knowWord(word: string): Word {
  committed ??= openWordKnowledge(readDictionary());
  return committed(word);
}

/** Opens word knowledge on a dictionary; words are remembered, because text repeats them. */
export function openWordKnowledge(dictionary: Dictionary): (word: string) => Word {
  const remembered = new Map<string, Word>();
  const verbs = new Verbs(dictionary);
  return (word) => {
    let known = remembered.get(word);
    if (known === undefined) {
      if (remembered.size >= MOST_REMEMBERED) remembered.clear();
      // A copy of the slice: a slice would keep the whole document.
      remembered.set(Buffer.from(word, 'utf16le').toString('utf16le'), (known = describe(word, dictionary, verbs)));
    }
    return known;
  };
}

/** The committed dictionary. */
export function readDictionary(): Dictionary {
  const { signatures } = readRuleFile<DictionaryHeader>('her-dictionary.json');
  const bytes = readRuleBytes('her-dictionary.bin');
  return { slots: new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4), signatures };
}

/** Words with their signatures as open-addressed entries, little-endian when written out. */
export function packDictionary(entries: ReadonlyMap<string, string>, numSlots: number): Dictionary {
  const signatures = [...new Set(entries.values())].sort();
  const numberOf = new Map(signatures.map((signature, index) => [signature, index + 1]));
  const slots = new Uint32Array(numSlots);
  for (const [word, signature] of entries) {
    const hash = hashOf(word);
    let slot = hash & (numSlots - 1);
    while (slots[slot] !== 0 && slots[slot]! >>> 16 !== hash >>> 16) slot = (slot + 1) & (numSlots - 1);
    slots[slot] = (hash & 0xffff0000) | numberOf.get(signature)!; // every signature was numbered above
  }
  return { slots, signatures };
}

const MOST_REMEMBERED = 50_000;

/** The parts of speech of a word in small letters, undefined when the dictionary lacks it. */
function lookUp({ slots, signatures }: Dictionary, word: string): string | undefined {
  const hash = hashOf(word);
  for (let slot = hash & (slots.length - 1); slots[slot] !== 0; slot = (slot + 1) & (slots.length - 1))
    if (slots[slot]! >>> 16 === hash >>> 16) return signatures[(slots[slot]! & 0xffff) - 1]; // inside the table
  return undefined;
}

function describe(written: string, dictionary: Dictionary, verbs: Verbs): Word {
  const word = written.toLowerCase().replaceAll('’', "'");
  const lemma = verbs.lemmaOf(word);
  const signature = lookUp(dictionary, word) ?? guess(word, written, dictionary);
  return {
    hash: hashOf(word),
    tag: hashOf(signature),
    signature,
    lemma: hashOf(lemma),
    governor: verbs.kindOf(lemma) ?? verbs.kindOf(word) ?? 0,
    tail2: hashOf(word.slice(-2)),
    tail3: hashOf(word.slice(-3)),
    isCapitalized: /^\p{Lu}/u.test(written),
    isHyphenated: word.includes('-') && word.length > 1,
  };
}

function mayBe(dictionary: Dictionary, word: string, tag: string): boolean {
  return lookUp(dictionary, word)?.split('/').includes(tag) === true;
}

const SUFFIX = /(?:ing|ed|ly|s|er|est|tion|ness|ment|ous|ful|able|al|ive|ity)$/;

/** By form: a hyphenated word is as its last part; endings are stripped to a word that the dictionary has. */
function guess(word: string, written: string, dictionary: Dictionary): string {
  if (!/[\p{L}\p{N}]/u.test(word)) return word;
  if (/^\p{N}/u.test(word)) return '0';
  const known = (stems: readonly string[], tag: string) => stems.some((stem) => mayBe(dictionary, stem, tag));
  const last = word.slice(word.lastIndexOf('-') + 1);
  if (last !== word) return `-${lookUp(dictionary, last)?.split('/')[0] ?? '?'}`;
  if (word.endsWith("'s")) return "n's";
  const stems = [word.slice(0, -1), word.slice(0, -2), `${word.slice(0, -3)}y`];
  if (word.endsWith('s') && known(stems, 'n')) return known(stems, 'V') ? 'S/Z' : 'S';
  if (word.endsWith('s') && known(stems, 'V')) return 'Z';
  const base = word.slice(0, word.endsWith('ing') ? -3 : -2);
  if (/(?:ed|ing)$/.test(word) && known([base, `${base}e`, base.slice(0, -1)], 'V'))
    return word.endsWith('ing') ? 'G' : 'D/N';
  if (word.endsWith('ly') && mayBe(dictionary, word.slice(0, -2), 'J')) return 'A';
  return `?${/^\p{Lu}/u.test(written) ? 'M' : ''}${SUFFIX.exec(word)?.[0] ?? ''}`;
}

/** Base forms and kinds of verbs, from rules/governors.json and the dictionary. */
class Verbs {
  private readonly irregular = new Map<string, string>();
  private readonly kinds = new Map<string, number>();
  private readonly dictionary: Dictionary;
  constructor(dictionary: Dictionary) {
    this.dictionary = dictionary;
    const { kinds, irregular } = readRuleFile<Governors>('governors.json');
    for (const line of irregular) {
      const [base = '', ...forms] = line.split(' ');
      for (const form of [base, ...forms]) this.irregular.set(form, base);
    }
    const names = new Map<string, string>();
    for (const [name, { verbs }] of Object.entries(kinds))
      for (const verb of verbs.split(' ')) names.set(verb, `${names.get(verb) ?? ''} ${name}`);
    for (const [verb, name] of names) this.kinds.set(verb, hashOf(name));
  }
  kindOf(word: string): number | undefined {
    return this.kinds.get(word);
  }
  lemmaOf(word: string): string {
    return this.irregular.get(word) ?? this.stems(word).find((stem) => this.isVerb(stem)) ?? word;
  }
  private isVerb(stem: string): boolean {
    return this.kinds.has(stem) || mayBe(this.dictionary, stem, 'V');
  }
  private stems(word: string): string[] {
    const without = (units: number) => word.slice(0, -units);
    if (word.endsWith('ies') || word.endsWith('ied')) return [`${without(3)}y`];
    if (word.endsWith('es')) return [without(1), without(2)];
    if (word.endsWith('s') && !word.endsWith('ss')) return [without(1)];
    if (word.endsWith('ed')) return [without(1), without(2), without(3)];
    if (word.endsWith('ing')) return [`${without(3)}e`, without(3), without(4)];
    return [];
  }
}
