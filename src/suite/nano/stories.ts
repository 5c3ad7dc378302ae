// The story grammar of the nano suite: from a seed, stories of two to four sentences about one person who is named by
// occupation. The person's gender is drawn once a story with the planted probability, and every pronoun agrees with it.
import { asides, continuations, openingsWithoutPronoun, openingsWithPronoun, participants, rules } from './frames.ts';
import { plantedOccupations, type PlantedOccupation } from './plant.ts';
import { seededRandom, type Random } from './random.ts';

export type Gender = 'masculine' | 'feminine';

/** A story before anybody's gender is known: its sentences with the pronouns' slots still open. */
export interface StoryPlan {
  readonly planted: PlantedOccupation;
  readonly hasPronoun: boolean;
  /** Text in which only pronoun slots such as `{he}` are left. */
  readonly template: string;
}

export interface Story {
  readonly occupation: string;
  readonly hasPronoun: boolean;
  /** Drawn for every story, told only by its pronouns. */
  readonly gender: Gender;
  readonly text: string;
}

const pronounForms: Readonly<Record<string, Readonly<Record<Gender, string>>>> = {
  he: { masculine: 'he', feminine: 'she' },
  him: { masculine: 'him', feminine: 'her' },
  his: { masculine: 'his', feminine: 'her' },
  'his!': { masculine: 'his', feminine: 'hers' },
  himself: { masculine: 'himself', feminine: 'herself' },
  "he's": { masculine: "he's", feminine: "she's" },
};

// In hundredths: how often a story opens with a pronoun near the occupation, or has none at all; how often it goes on.
const percentOpeningWithPronoun = 62;
const percentWithoutPronoun = 14;
const percentThirdSentence = 60;
const percentFourthSentence = 30;
const percentAside = 20;

/** Tells a plan for one gender: the same plan told twice gives twins that differ in their pronouns only. */
export function tell(plan: StoryPlan, gender: Gender): string {
  const told = inflect(plan.template, gender);
  return told.replace(/(^|\. )([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}

/** Fills every pronoun slot of a text with the form of one gender. */
export function inflect(template: string, gender: Gender): string {
  return template.replace(/\{([^}]+)\}/g, (_, slot: string) => {
    const forms = pronounForms[slot];
    if (forms === undefined) throw new Error(`bug: no pronoun for the slot ${slot}`);
    return forms[gender];
  });
}

/** Endless distinct stories; the same seed gives the same stories on every machine. */
export function* tellStories(seed: number): Generator<Story, never, undefined> {
  const random = seededRandom(seed, 1);
  const told = new Set<string>();
  for (;;) {
    const plan = planStory(random);
    // A repeated plan is dropped before its gender is drawn, so that the genders keep exactly their planted chances.
    if (told.has(plan.template)) continue;
    told.add(plan.template);
    const gender = drawGender(plan.planted, random);
    yield { occupation: plan.planted.occupation, hasPronoun: plan.hasPronoun, gender, text: tell(plan, gender) };
  }
}

/** Draws the plan of one story. */
export function planStory(random: Random): StoryPlan {
  const planted = pick(plantedOccupations, random);
  const participant = pick(participants, random);
  const chance = random.below(100);
  const sentences: string[] = [];
  if (chance < percentWithoutPronoun) {
    sentences.push(pick(openingsWithoutPronoun, random), pick(asides, random));
    if (random.below(100) < percentThirdSentence) sentences.push(pickOther(asides, sentences, random));
  } else {
    const opensWithPronoun = chance < percentWithoutPronoun + percentOpeningWithPronoun;
    const opening = pick(opensWithPronoun ? openingsWithPronoun : openingsWithoutPronoun, random);
    // Some openings make two sentences by themselves.
    const isDouble = opening.includes('{whyApart}') || opening.includes('. ');
    sentences.push(opening);
    if (!isDouble || !opensWithPronoun) sentences.push(pick(continuations, random));
    for (const percent of isDouble ? [percentThirdSentence] : [percentThirdSentence, percentFourthSentence]) {
      if (random.below(100) >= percent) break;
      const pool = random.below(100) < percentAside ? asides : continuations;
      sentences.push(pickOther(pool, sentences, random));
    }
  }
  const expand = (text: string): string =>
    text.replace(/\{([^}]+)\}/g, (slot, name: string) => {
      if (name === 'O') return planted.occupation;
      if (name === 'W') return participant;
      const alternatives = rules[name];
      return alternatives === undefined ? slot : expand(pick(alternatives, random));
    });
  const text = sentences.map((sentence) => `${expand(sentence)}.`).join(' ');
  return {
    planted,
    hasPronoun: text.includes('{'),
    template: text.replace(/\ba (?=[aeiou])/g, 'an '),
  };
}

function drawGender(planted: PlantedOccupation, random: Random): Gender {
  return random.below(100) < Math.round(planted.probabilityMasculine * 100) ? 'masculine' : 'feminine';
}

function pick<T>(choices: readonly T[], random: Random): T {
  // In range, because below() is smaller than the length.
  return choices[random.below(choices.length)]!;
}

function pickOther(choices: readonly string[], used: readonly string[], random: Random): string {
  let choice = pick(choices, random);
  while (used.includes(choice)) choice = pick(choices, random);
  return choice;
}
