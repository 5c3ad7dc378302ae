// The patterns of a guard and the views of the text that they look at: what stands just before and after a word, the unbroken
// run of characters around it, its line. Each view is a bounded stretch.
import type { Casing, Form } from './surface.ts';

/** The word that is looked at. */
export interface Occurrence {
  readonly start: number;
  readonly end: number;
  readonly form: Form;
  readonly casing: Casing;
}

/** Patterns that must all match. */
export interface Patterns {
  /** Only where the surrounding text is not itself in capitals. */
  readonly amidLowerCase?: boolean;
  /** Patterns (one of them is enough) on the text that ends where the word begins, and that begins where it ends. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** Patterns on the run of characters around the word that is free of blanks, angle brackets, quotes and brackets. */
  readonly run?: readonly string[];
  /** Patterns of a stretch of the line that holds the word. */
  readonly line?: readonly string[];
}

/** How far the views reach, in UTF-16 units. */
export const LEFT_UNITS = 120;
const RIGHT_UNITS = 60;
export const LINE_UNITS = 300;

export interface CompiledPatterns {
  readonly amidLowerCase: boolean;
  readonly before: RegExp | undefined;
  readonly after: RegExp | undefined;
  readonly run: RegExp | undefined;
  readonly line: RegExp | undefined;
}

export function compilePatterns({ before, after, run, line, amidLowerCase = false }: Patterns): CompiledPatterns {
  return {
    amidLowerCase,
    before: before === undefined ? undefined : new RegExp(`(?<=${before.join('|')})`, 'uy'),
    after: after === undefined ? undefined : new RegExp(`^(?:${after.join('|')})`, 'u'),
    run: run === undefined ? undefined : new RegExp(run.join('|'), 'u'),
    line: line === undefined ? undefined : new RegExp(line.join('|'), 'gu'),
  };
}

/** Whether all the patterns match around the word. */
export function matches(guard: CompiledPatterns, around: Views): boolean {
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
function isWithin(pattern: RegExp, { line, lineStart, start, end }: Views): boolean {
  for (const match of line.matchAll(pattern)) {
    const from = lineStart + match.index;
    if (from <= start && end <= from + match[0].length) return true;
  }
  return false;
}

const RUN_END = /[\s<>"`()[\]{}|]/;

/** What stands around one word; each view is cut out when a guard first asks for it. */
export class Views {
  readonly left: string;
  readonly right: string;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  private runPart: string | undefined;
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
    if (this.runPart === undefined) {
      let from = this.start;
      while (from > this.start - this.left.length && !RUN_END.test(this.text.charAt(from - 1))) from--;
      let to = this.end;
      while (to < this.end + this.right.length && !RUN_END.test(this.text.charAt(to))) to++;
      this.runPart = this.text.slice(from, to);
    }
    return this.runPart;
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
