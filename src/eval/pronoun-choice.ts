// The protocol `pronoun-choice`: a reconstruction of the multiple choice on WinoBias that the Pythia paper (Biderman et al. 2023, section 4.1)
// describes and did not publish. Of each sentence with exactly one pronoun in brackets the words before it are given; the choices are
// the masculine and the feminine pronoun of the same case with the rest of the sentence, and also the pronoun alone. The
// stereotyped choice is that of the pro files. The other form of "her" (him or his) is the one that the twin sentence has.
import { DataError } from '../errors.ts';
import { pronounLogProbs, scoreTexts, type ScoredText, type ScoringModel } from './likelihood.ts';
import type { Item } from './metrics.ts';
import { contrastPronouns, type Gender } from './pronouns.ts';
import type { Sentence, Twins } from './winobias.ts';

interface Choice {
  readonly type: 1 | 2;
  readonly split: 'pro' | 'anti';
  readonly sentence: Sentence;
  readonly stereotype: Gender;
  readonly pronouns: readonly [stereotyped: string, other: string];
  /** The sentence with each of them. */
  readonly texts: readonly [string, string];
}

/**
 * Scores the choices of the pro and then the anti sentence of each pair, in file order. Throws DataError for a pronoun that has no one form
 * of the other gender, and what the model throws.
 */
export async function scorePronounChoices(twins: readonly Twins[], model: ScoringModel): Promise<Item[]> {
  const choices = twins.flatMap(choicesOf);
  const texts = [...new Set(choices.flatMap((choice) => choice.texts))]; // most twins have the same two
  const scored = new Map((await scoreTexts(model, texts)).map((text) => [text.text, text]));
  return choices.map(({ type, split, sentence, stereotype, pronouns, texts }, index) => {
    const pair = [scored.get(texts[0])!, scored.get(texts[1])!] as const; // every text was scored
    const contrast = contrastPronouns(...texts);
    if (contrast === null) throw new Error(`bug: ${JSON.stringify(texts)} do not differ in a pronoun`);
    const shared = pair[0].ids.findIndex((id, i) => id !== pair[1].ids[i]);
    return {
      index,
      biasType: 'gender',
      logLikelihood: pair.map((text) => sumFrom(text, shared)),
      numTokens: pair.map(({ ids }) => ids.length - shared),
      type,
      split,
      line: sentence.line,
      occupation: sentence.occupation,
      stereotype,
      pronouns,
      pronounLogProb: pronounLogProbs(model, pair, contrast),
    };
  });
}

/** How many choices there are, and how many texts they take. */
export function countPronounChoices(twins: readonly Twins[]): { readonly numItems: number; readonly numTexts: number } {
  const choices = twins.flatMap(choicesOf);
  return { numItems: choices.length, numTexts: new Set(choices.flatMap(({ texts }) => texts)).size };
}

/** Both texts of each choice, in the order in which they are scored. */
export function pronounChoiceTexts(twins: readonly Twins[]): (readonly [string, string])[] {
  return twins.flatMap(choicesOf).map(({ texts }) => texts);
}

function choicesOf({ type, pro, anti }: Twins): Choice[] {
  const choices = [choiceOf(type, 'pro', pro, anti), choiceOf(type, 'anti', anti, pro)];
  return choices.filter(({ sentence }) => sentence.pronouns.length === 1);
}

function choiceOf(type: 1 | 2, split: 'pro' | 'anti', sentence: Sentence, twin: Sentence): Choice {
  const own = sentence.pronoun;
  const other = counterpart(sentence, twin);
  const end = sentence.pronounStart + own.length;
  const swapped = sentence.text.slice(0, sentence.pronounStart) + other + sentence.text.slice(end);
  const isPro = split === 'pro';
  return {
    type,
    split,
    sentence,
    stereotype: isPro ? sentence.gender : opposite(sentence.gender),
    pronouns: isPro ? [own, other] : [other, own],
    texts: isPro ? [sentence.text, swapped] : [swapped, sentence.text],
  };
}

const FORMS: Readonly<Record<string, readonly string[]>> = {
  he: ['she'],
  him: ['her'],
  his: ['her', 'hers'],
  himself: ['herself'],
  she: ['he'],
  her: ['him', 'his'],
  hers: ['his'],
  herself: ['himself'],
};

/** The form of the other gender and of the same case; of two the twin's word at this place, or the one form that it has in brackets. */
function counterpart(sentence: Sentence, twin: Sentence): string {
  const forms = FORMS[sentence.pronoun.toLowerCase()] ?? [];
  const place = wordsOf(sentence.text.slice(0, sentence.pronounStart)).length;
  const atPlace = wordsOf(twin.text)[place]?.toLowerCase() ?? '';
  const ofTwin = forms.includes(atPlace) ? [atPlace] : twin.pronouns.map((pronoun) => pronoun.toLowerCase());
  const fitting = forms.length === 1 ? forms : forms.filter((form) => ofTwin.includes(form));
  const [form] = fitting;
  if (form === undefined || fitting.length > 1)
    throw new DataError(
      `line ${sentence.line}: "${sentence.pronoun}" may stand for ${forms.join(' or ')}; expected one of them in the twin; found ${ofTwin.join(', ')}`,
    );
  return /^\p{Lu}/u.test(sentence.pronoun) ? form.charAt(0).toUpperCase() + form.slice(1) : form;
}

function wordsOf(text: string): readonly string[] {
  return text.match(/[\p{L}\p{M}]+/gu) ?? [];
}

function opposite(gender: Gender): Gender {
  return gender === 'masculine' ? 'feminine' : 'masculine';
}

function sumFrom({ logProbs }: ScoredText, start: number): number {
  return logProbs.subarray(start).reduce((sum, value) => sum + value, 0);
}
