// The plug-in for compromise, on compromise itself.
import nlp from 'compromise/two';
import { beforeAll, describe, expect, it } from 'vitest';
import { pronounTags } from '../../augmentation/compromise-plugin.ts';

const words = (text: string, match: string) => nlp(text).match(match).out('array') as string[];

describe('compromise with our plug-in', () => {
  const asked = 'We asked her to bring her coat.';
  const ofCompromise = words(asked, '#Possessive');

  beforeAll(() => {
    nlp.plugin(pronounTags);
  });

  it('calls only that her a possessive which owns something', () => {
    expect(ofCompromise).toEqual(['her', 'her']); // what compromise says by itself
    expect(words(asked, '#Possessive')).toEqual(['her']);
    expect(words(asked, '#Possessive #Noun')).toEqual(['her coat.']);
    expect(words(asked, '#Pronoun')).toEqual(expect.arrayContaining(['her', 'her']));
  });

  it('tells his that stands alone from his before a noun', () => {
    expect(words('The fault was his. Her hat is hers; his hat is red.', '#PossessiveNominal')).toEqual([
      'his.',
      'hers;',
    ]);
  });

  it('leaves text and other tags alone', () => {
    const text = 'She gave her -- a friend -- his/her “old” hat…';
    expect(nlp(text).text()).toBe(text);
    expect(words('The dog ran home.', '#Verb')).toEqual(['ran']);
  });
});
