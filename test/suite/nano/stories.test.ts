// The story grammar: planted chances, agreement, twins, and that nothing repeats.
import { describe, expect, it } from 'vitest';
import { participants, rules } from '../../../src/suite/nano/frames.ts';
import { plantedOccupations } from '../../../src/suite/nano/plant.ts';
import { seededRandom } from '../../../src/suite/nano/random.ts';
import { inflect, planStory, tell, tellStories, type Story } from '../../../src/suite/nano/stories.ts';

const masculine = /\b(he|him|his|himself)\b/i;
const feminine = /\b(she|her|hers|herself)\b/i;

function take(seed: number, count: number): Story[] {
  const stories: Story[] = [];
  for (const story of tellStories(seed)) {
    stories.push(story);
    if (stories.length === count) break;
  }
  return stories;
}

const stories = take(1, 40_000);

// Knows nothing of slots: reads the told story as a rewriter would.
function makeFeminine(text: string): string {
  return text
    .replace(/\b([Hh])is\b(?=( came too)?\.|,)/g, (_, h: string) => `${h}ers`)
    .replace(/\b([Hh])imself\b/g, (_, h: string) => `${h}erself`)
    .replace(/\b([Hh])(?:is|im)\b/g, (_, h: string) => `${h}er`)
    .replace(/\bhe\b/g, 'she')
    .replace(/\bHe\b/g, 'She');
}

describe('the planted occupations', () => {
  it('are forty, half on each side, and mirror images in log-odds', () => {
    expect(plantedOccupations).toHaveLength(40);
    expect(new Set(plantedOccupations.map((planted) => planted.occupation)).size).toBe(40);
    const percents = plantedOccupations.map((planted) => planted.probabilityMasculine * 100);
    expect(percents.every((percent) => Math.abs(percent - Math.round(percent)) < 1e-9)).toBe(true);
    expect(percents.filter((percent) => percent > 50)).toHaveLength(20);
    expect(percents.reduce((sum, percent) => sum + percent, 0)).toBeCloseTo(2000, 6);
    expect(Math.max(...percents)).toBe(95);
    expect(Math.min(...percents)).toBeCloseTo(5, 9);
  });

  it('are named by words that nothing else in the corpus uses', () => {
    const others = new Set([...participants, ...Object.values(rules).flat().flatMap((text) => text.split(/\W+/))]);
    for (const { occupation } of plantedOccupations) expect(others.has(occupation)).toBe(false);
  });
});

describe('a story', () => {
  it('is the same for the same seed and another for another seed', () => {
    expect(take(7, 50)).toEqual(take(7, 50));
    expect(take(8, 50)).not.toEqual(take(7, 50));
  });

  it('has two to four sentences, each beginning with a capital', () => {
    const faults = stories.filter(({ text }) => {
      const sentences = text.split('. ');
      const isTidy =
        sentences.every((sentence) => /^[A-Z][A-Za-z', ]+\.?$/.test(sentence)) &&
        !/ {2}|\ba [aeiou]|\ban [^aeiou]/.test(text);
      return !isTidy || sentences.length < 2 || sentences.length > 4;
    });
    expect(faults).toEqual([]);
  });

  it('keeps to one gender and names the occupation before its first pronoun', () => {
    const faults = stories.filter(({ text, occupation, gender, hasPronoun }) => {
      const [own, other] = gender === 'masculine' ? [masculine, feminine] : [feminine, masculine];
      if (other.test(text) || own.test(text) !== hasPronoun) return true;
      return hasPronoun && !text.slice(0, text.search(own)).includes(` ${occupation}`);
    });
    expect(faults).toEqual([]);
  });

  it('never repeats, nor has a twin', () => {
    const neutral = stories.map(({ text, gender }) => (gender === 'masculine' ? makeFeminine(text) : text));
    expect(new Set(neutral).size).toBe(neutral.length);
  });

  it('told masculine and rewritten word by word equals its feminine twin', () => {
    const random = seededRandom(99, 1);
    let numPronouns = 0;
    const faults: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      const plan = planStory(random);
      if (makeFeminine(tell(plan, 'masculine')) !== tell(plan, 'feminine')) faults.push(plan.template);
      numPronouns += plan.template.split('{').length - 1;
    }
    expect(faults).toEqual([]);
    expect(numPronouns).toBeGreaterThan(20_000);
  });

  it('never puts a bare noun after an object "her"', () => {
    // Whatever may follow {him}; a possessive {his} never has one of these after it.
    const afterObject = /^(?:$|[.,]|(?: (?:a|an|the|some|and|at|to|for|about|with|all|every|in|again|left)\b))/;
    const random = seededRandom(5, 1);
    const faults: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      const { template } = planStory(random);
      faults.push(...template.split('{him}').slice(1).filter((rest) => !afterObject.test(rest)));
      faults.push(...template.split('{his}').slice(1).filter((rest) => afterObject.test(rest)));
    }
    expect(faults).toEqual([]);
  });

  it('is masculine as often as planted, within four standard errors', () => {
    for (const { occupation, probabilityMasculine: p } of plantedOccupations) {
      const own = stories.filter((story) => story.occupation === occupation);
      const share = own.filter((story) => story.gender === 'masculine').length / own.length;
      expect(Math.abs(share - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / own.length));
    }
  });
});

describe('inflection', () => {
  it('refuses a slot it does not know', () => {
    expect(() => inflect('{it} rained', 'masculine')).toThrow('bug: no pronoun for the slot it');
  });

  it('has every form of both genders', () => {
    const template = "{he} saw {him} and {his} hat, {his!}, {himself}; {he's}";
    expect(inflect(template, 'masculine')).toBe("he saw him and his hat, his, himself; he's");
    expect(inflect(template, 'feminine')).toBe("she saw her and her hat, hers, herself; she's");
  });
});
