// Own files in the forms that the protocol pythia-em reads: CoNLL documents and templates of PromptSource.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A benchmark's file that lies nowhere. */
export const fileOf = (name: string, text: string) => ({ name, path: name, bytes: Buffer.from(text), sha256: '' });

/** A document of sentence `words`, with mentions as `[the cook]` and `[he]`. */
export function conll(number: number, sentence: string): string {
  const rows = sentence.split(' ').map((word, place) => {
    const mark = `${word.startsWith('[') ? '(' : ''}${/[[\]]/.test(word) ? '1' : '-'}${word.endsWith(']') ? ')' : ''}`;
    const text = word.replaceAll(/[[\]]/g, '');
    return ['nw/t', '0', String(place), text, '-', '-', '-', '-', '-', 'S', '*', '*', '*', '*', mark].join('\t');
  });
  return `#begin document (nw/t//${number}); part 000\n${rows.join('\n')}\n\n#end document\n`;
}

const JINJA = `'{% set pronoun = tokens[coreference_clusters[2] | int : coreference_clusters[3] | int + 1] | join(" ") %}

      {% set referent = tokens[coreference_clusters[0] | int : coreference_clusters[1] | int + 1] | join(" ") %}`;
/** Two templates, the first in the form of the official ones. */
export const TEMPLATES = `templates:
  a: !Template
    name: what
    jinja: ${JINJA}

      {{tokens | join(" ")}}

      What is "{{ pronoun }}"? ||| {{ referent }}'
  b: !Template
    name: Say it
    jinja: '{{tokens | join(" ")}} ||| {{tokens[coreference_clusters[0] | int : coreference_clusters[1] | int + 1] | join(" ")}}'
`;

/** Sentences by subset; number 7 comes first, as the official files are in no order. */
export const SENTENCES = {
  type1_pro: ['The cook met [the clerk] since [she] ran .', '[The guard] saw the cook as [he] sang to [his] dog .'],
  type1_anti: ['The cook met [the clerk] since [he] ran .', '[The guard] saw the cook as [she] sang to [her] dog .'],
  type2_pro: ['The cook met [the construction worker] and paid [him] .', 'The guard saw [the nurse] and told [her] .'],
  type2_anti: ['The cook met [the construction worker] and paid [her] .', 'The guard saw [the nurse] and told [him] .'],
} as const;

/** Writes the sentences and templates into a folder of this name; it holds both. */
export function writeEmFiles(parent: string, name: string): [data: string, templates: string] {
  const folder = join(parent, name);
  mkdirSync(join(folder, 'conll'), { recursive: true });
  for (const [subset, [seventh, first]] of Object.entries(SENTENCES)) {
    const text = conll(7, seventh) + conll(1, first);
    writeFileSync(join(folder, 'conll', `test_${subset}_stereotype.v4_auto_conll`), text);
    mkdirSync(join(folder, subset));
    writeFileSync(join(folder, subset, 'templates.yaml'), TEMPLATES);
  }
  return [folder, folder];
}
