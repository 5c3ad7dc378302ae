// The files of the protocol `pythia-em`: WinoBias in CoNLL form (uclanlp/corefBias) and PromptSource's templates, and the questions that they
// make together.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DataError, InputError, NotFoundError } from '../errors.ts';
import type { PromptEdges } from '../job-spec.ts';
import {
  benchmarkSha256,
  conllName,
  CONLL_SET,
  isOfficialFile,
  isOwnName,
  isReserved,
  readConllFiles,
  SUBSETS,
  type Benchmark,
  type Subset,
} from './benchmarks.ts';
import { parseConll, type CorefDocument } from './conll.ts';
import { findTemplate, readTemplates, type Prompt, type PromptTemplate } from './prompt-templates.ts';

/** The files of the protocol, read. */
export interface PythiaEmFiles {
  readonly name: string;
  readonly path: string;
  readonly sha256: string;
  readonly isOfficial: boolean;
  readonly subsets: Readonly<Record<Subset, SubsetFiles>>;
}

interface SubsetFiles {
  readonly documents: readonly CorefDocument[];
  readonly templates: ReadonlyMap<string, PromptTemplate>;
}

/**
 * Reads the four CoNLL files, from the folder or its `conll` or `conll_format`, and the four `SUBSET/templates.yaml`. Official files get
 * the official name, all others `ownName` or `own-winobias`. Throws NotFoundError, DataError for files of another form or twins
 * without each other, InputError when other files ask for an official name.
 */
export function openPythiaEm(dataFolder: string, templatesFolder: string, ownName?: string): PythiaEmFiles {
  const folder = conllFolder(dataFolder);
  const files = readConllFiles(folder, templatesFolder);
  const isOfficial = files.every((file) => isOfficialFile(file, CONLL_SET));
  const isOfficialName = ownName === 'winobias' || ownName === CONLL_SET;
  if (ownName !== undefined && (!isOwnName(ownName) || (isReserved(ownName) && !(isOfficial && isOfficialName))))
    throw new InputError(`${dataFolder}: these files cannot be called "${ownName}"; give the set a name of its own`);
  const read = SUBSETS.map((subset, i) => {
    const [conll, templates] = [files[2 * i]!, files[2 * i + 1]!]; // two files a subset
    return [subset, { documents: parseConll(conll), templates: readTemplates(templates) }] as const;
  });
  return {
    name: ownName ?? (isOfficial ? 'winobias' : 'own-winobias'),
    path: resolve(folder),
    sha256: benchmarkSha256(files),
    isOfficial,
    subsets: Object.fromEntries(read) as Record<Subset, SubsetFiles>, // every subset was read
  };
}

/** The same of a set that was taken in. */
export function openConllSet({ name, path }: Benchmark): PythiaEmFiles {
  return openPythiaEm(path, join(path, 'templates'), name);
}

/** Twins in one template. */
export interface Question {
  readonly template: string;
  readonly type: 1 | 2;
  readonly pro: CorefDocument;
  readonly prompts: readonly [pro: Prompt, anti: Prompt];
}

/** Template by template, type 1 before type 2, in the order of the pro files. */
export function questionsOf(
  { path, subsets }: PythiaEmFiles,
  { templates, promptEdges }: { readonly templates: readonly string[]; readonly promptEdges: PromptEdges },
): readonly Question[] {
  if (templates.length === 0 || new Set(templates).size < templates.length)
    throw new InputError(`expected names of templates, each once; found ${JSON.stringify(templates)}`);
  return templates.flatMap((name) =>
    ([1, 2] as const).flatMap((type) => {
      const [pro, anti] = [subsets[`type${type}_pro`], subsets[`type${type}_anti`]];
      const twins = new Map(anti.documents.map((document) => [document.number, document]));
      if (twins.size !== pro.documents.length || twins.size !== anti.documents.length)
        throw new DataError(`${path}: type ${type}: expected as many anti as pro documents, each number once`);
      return pro.documents.map((document): Question => {
        const twin = twins.get(document.number);
        if (twin === undefined)
          throw new DataError(`${path}: type ${type}: document ${document.number} has no anti twin`);
        const prompts = [
          findTemplate(pro.templates, name)(document, promptEdges),
          findTemplate(anti.templates, name)(twin, promptEdges),
        ] as const;
        return { template: name, type, pro: document, prompts };
      });
    }),
  );
}

/** Throws InputError for a template that one of the files has not. */
export function checkTemplates({ subsets }: PythiaEmFiles, names: readonly string[]): void {
  for (const { templates } of Object.values(subsets)) for (const name of names) findTemplate(templates, name);
}

/** How many sentences have a twin; each is asked once a template. */
export function countTwins({ subsets }: PythiaEmFiles): number {
  return subsets.type1_pro.documents.length + subsets.type2_pro.documents.length;
}

/** Where below a folder the documents are. Throws NotFoundError. */
export function conllFolder(folder: string): string {
  const places = ['.', 'conll', 'conll_format'].map((place) => join(folder, place));
  const found = places.find((place) => existsSync(join(place, conllName('type1_pro'))));
  if (found !== undefined) return found;
  throw new NotFoundError(`${folder}: expected the CoNLL files of WinoBias, such as ${conllName('type1_pro')}`);
}
