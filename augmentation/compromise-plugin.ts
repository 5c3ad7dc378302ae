// A plug-in for `compromise` that gives `her`, `his` and `hers` the tags they have in their sentence. Its lexicon calls each of them a
// possessive pronoun wherever it stands; here an object `her` is a pronoun that possesses nothing, and a `his` that stands alone, like
// `hers`, is a possessive that no noun follows (tag PossessiveNominal).
import type nlpThree from 'compromise';
import { readHer, readHis } from './disambiguate.ts';

/** A term as compromise keeps it: its text and what surrounds it add up to the sentence. */
interface Term {
  readonly text: string;
  readonly pre: string;
  readonly post: string;
  readonly normal: string;
  readonly tags?: Set<string>;
}

/** A parsed text: its sentences of terms. */
export interface TaggedView {
  readonly docs: readonly (readonly Term[])[];
}

/** `nlp.plugin(pronounTags)`; from then on every parsed text has the tags. */
export const pronounTags: Parameters<typeof nlpThree.plugin>[0] = {
  tags: { PossessiveNominal: { isA: 'Possessive' } },
  compute: { pronounTags: tagPronouns },
  hooks: ['pronounTags'],
};

function tagPronouns(view: TaggedView): void {
  for (const sentence of view.docs) {
    if (!sentence.some(isAmbiguous)) continue;
    const text = sentence.map(({ pre, text: word, post }) => pre + word + post).join('');
    let offset = 0;
    for (const term of sentence) {
      const start = offset + term.pre.length;
      const end = start + term.text.length;
      offset = end + term.post.length;
      if (isAmbiguous(term)) tag(term, text, start, end);
    }
  }
}

function isAmbiguous({ normal }: Term): boolean {
  return normal === 'her' || normal === 'his' || normal === 'hers';
}

function tag({ normal, tags }: Term, text: string, start: number, end: number): void {
  if (normal === 'her' && readHer(text, start, end).reading === 'object') tags?.delete('Possessive');
  if (normal === 'hers' || (normal === 'his' && readHis(text, start, end) === 'independent'))
    tags?.add('PossessiveNominal');
}
