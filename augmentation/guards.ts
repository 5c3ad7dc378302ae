// What is spelt like a pronoun and is none: addresses, code, names, symbols, acronyms, compounds, other languages.
// The rules are data (rules/guards.json, rules/languages.json): patterns on what stands just before and after the word, on
// the unbroken run of characters around it, or on its line. Each looks at a bounded stretch of text.
import type { Casing, Form } from './surface.ts';
import { readRuleFile, type RuleCase } from './rule-files.ts';

/** One entry of rules/guards.json. A word is left alone when all the patterns of one guard match. */
export interface GuardRule {
  readonly id: string;
  readonly note: string;
  /** Forms and cases it applies to; all when left out. */
  readonly forms?: readonly Form[];
  readonly casings?: readonly Casing[];
  /** Only where the surrounding text is not itself in capitals. */
  readonly amidLowerCase?: boolean;
  /** Patterns (one of them is enough) on the text that ends where the word begins, and that begins where it ends. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** Patterns on the run of characters around the word that is free of blanks, angle brackets, quotes and brackets. */
  readonly run?: readonly string[];
  /** Patterns of a stretch of the line that holds the word. */
  readonly line?: readonly string[];
  readonly stays: readonly string[];
  readonly changes: readonly RuleCase[];
}

/** The word that is looked at. */
export interface Occurrence {
  readonly start: number;
  readonly end: number;
  readonly form: Form;
  readonly casing: Casing;
}

const LEFT_UNITS = 120;
const RIGHT_UNITS = 60;
const LINE_UNITS = 300;

/** Whether the occurrence is to be left alone. */
export function isGuarded(text: string, occurrence: Occurrence): boolean {
  const { start, end, form, casing } = occurrence;
  const surroundings = new Surroundings(text, start, end);
  const ofKind = guardsOf(form, casing);
  return ofKind.some((guard) => matches(guard, surroundings)) || isInFence(text, start) || isForeign(surroundings);
}

interface CompiledGuard {
  readonly amidLowerCase: boolean;
  readonly before: RegExp | undefined;
  readonly after: RegExp | undefined;
  readonly run: RegExp | undefined;
  readonly line: RegExp | undefined;
}

const compiled = new Map<string, readonly CompiledGuard[]>();
let guardRules: readonly GuardRule[] | undefined;

/** The guards that apply to one form in one case. */
function guardsOf(form: Form, casing: Casing): readonly CompiledGuard[] {
  const key = `${form} ${casing}`;
  let guards = compiled.get(key);
  if (guards === undefined) {
    guardRules ??= readRuleFile<{ guards: GuardRule[] }>('guards.json').guards;
    guards = guardRules
      .filter((guard) => (guard.forms?.includes(form) ?? true) && (guard.casings?.includes(casing) ?? true))
      .map(compile);
    compiled.set(key, guards);
  }
  return guards;
}

function compile({ before, after, run, line, amidLowerCase = false }: GuardRule): CompiledGuard {
  return {
    amidLowerCase,
    before: before === undefined ? undefined : new RegExp(`(?<=${before.join('|')})`, 'uy'),
    after: after === undefined ? undefined : new RegExp(`^(?:${after.join('|')})`, 'u'),
    run: run === undefined ? undefined : new RegExp(run.join('|'), 'u'),
    line: line === undefined ? undefined : new RegExp(line.join('|'), 'gu'),
  };
}

function matches(guard: CompiledGuard, around: Surroundings): boolean {
  if (guard.after !== undefined && !guard.after.test(around.right)) return false;
  if (guard.before !== undefined && !endsWith(around.left, guard.before)) return false;
  if (guard.run !== undefined && !(around.isRun && guard.run.test(around.run))) return false;
  if (guard.line !== undefined && !isWithin(guard.line, around)) return false;
  return !guard.amidLowerCase || !around.isShouted;
}

/** Looks back from the end: a pattern anchored there would be tried from every place before it. */
function endsWith(text: string, lookbehind: RegExp): boolean {
  lookbehind.lastIndex = text.length;
  return lookbehind.test(text);
}

/** Whether a match of the pattern in the line covers the word. */
function isWithin(pattern: RegExp, { line, lineStart, start, end }: Surroundings): boolean {
  for (const match of line.matchAll(pattern)) {
    const from = lineStart + match.index;
    if (from <= start && end <= from + match[0].length) return true;
  }
  return false;
}

/** What stands around one word; each view is cut out when a guard first asks for it. */
class Surroundings {
  readonly left: string;
  readonly right: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  private lineParts: { readonly text: string; readonly start: number } | undefined;
  constructor(text: string, start: number, end: number) {
    this.text = text;
    this.start = start;
    this.end = end;
    this.left = text.slice(Math.max(0, start - LEFT_UNITS), start);
    this.right = text.slice(end, end + RIGHT_UNITS);
  }
  /** False when blanks stand on both sides: then the run is the word itself. */
  get isRun(): boolean {
    return !/(?:^|\s)$/.test(this.left) || !/^(?:$|\s|[,.;:?!]\s)/.test(this.right);
  }
  get run(): string {
    const before = /[^\s<>"`()[\]{}|]*$/.exec(this.left)?.[0] ?? '';
    const after = /^[^\s<>"`()[\]{}|]*/.exec(this.right)?.[0] ?? '';
    return before + this.text.slice(this.start, this.end) + after;
  }
  get line(): string {
    return this.lineOf().text;
  }
  get lineStart(): number {
    return this.lineOf().start;
  }
  private lineOf(): { readonly text: string; readonly start: number } {
    if (this.lineParts === undefined) {
      const window = this.text.slice(Math.max(0, this.start - LINE_UNITS), this.start);
      const start = this.start - (window.length - (window.lastIndexOf('\n') + 1));
      const rest = this.text.slice(this.start, this.end + LINE_UNITS);
      const newline = rest.indexOf('\n');
      const text = this.text.slice(start, newline < 0 ? this.start + rest.length : this.start + newline);
      this.lineParts = { text, start };
    }
    return this.lineParts;
  }
  /** Most letters around are capitals: a shouted line, where a word in capitals is no acronym. */
  get isShouted(): boolean {
    const around = this.left.slice(-60) + ' ' + this.right;
    const upper = around.match(/\p{Lu}/gu)?.length ?? 0;
    const lower = around.match(/\p{Ll}/gu)?.length ?? 0;
    return upper > lower;
  }
}

const FENCE = /^[ \t]*(?:```|~~~)/gm;
let fences: { readonly text: string; readonly starts: readonly number[] } = { text: '', starts: [] };

/** Whether a position lies in a fenced code block. The fences of the last text are kept: its words come one by one. */
function isInFence(text: string, position: number): boolean {
  if (fences.text !== text) fences = { text, starts: [...text.matchAll(FENCE)].map((match) => match.index) };
  if (fences.starts.length === 0) return false;
  return fences.starts.filter((start) => start < position).length % 2 === 1;
}

interface Languages {
  readonly english: string;
  readonly others: Readonly<Record<string, string>>;
  readonly letters: string;
  readonly phrases: readonly { readonly before: readonly string[]; readonly after: readonly string[] }[];
}

interface CompiledLanguages {
  readonly english: RegExp;
  readonly other: RegExp;
  readonly phrases: readonly CompiledGuard[];
}

let languages: CompiledLanguages | undefined;

/** About six words. */
const WORDS_UNITS = 40;

/** No English function word near by on the line, but words of another language. */
function isForeign(around: Surroundings): boolean {
  languages ??= compileLanguages(readRuleFile<Languages>('languages.json'));
  const before = around.left.slice(around.left.lastIndexOf('\n') + 1);
  const left = before.length <= WORDS_UNITS ? before : before.slice(before.indexOf(' ', before.length - WORDS_UNITS));
  const after = around.right.split('\n', 1)[0] ?? '';
  const right = after.length <= WORDS_UNITS ? after : after.slice(0, after.lastIndexOf(' ', WORDS_UNITS) + 1);
  if (languages.english.test(left) || languages.english.test(right)) return false;
  if (languages.other.test(left) || languages.other.test(right)) return true;
  return languages.phrases.some((phrase) => matches(phrase, around));
}

function compileLanguages({ english, others, letters, phrases }: Languages): CompiledLanguages {
  const words = (list: string) => `(?<![\\p{L}\\p{N}'’])(?:${list.replaceAll(' ', '|')})(?![\\p{L}\\p{N}])`;
  const other = Object.values(others).map((list) => words(list));
  return {
    english: new RegExp(words(english), 'iu'),
    other: new RegExp([...other, `[${letters}]`].join('|'), 'iu'),
    phrases: phrases.map((phrase) => compile({ id: '', note: '', stays: [], changes: [], ...phrase })),
  };
}
