// Prompts from PromptSource's templates (bigscience-workshop/promptsource, promptsource/templates/wino_bias/*/templates.yaml): YAML with Jinja
// that renders prompt and target with ||| between them. A rendered prompt begins with the two line ends behind the templates' `set` lines and ends
// with the blank before |||; PromptSource's published `apply` strips them, and whether the version behind the published figures did is not known. Blocks keep the line ends after them, as Jinja2 renders by default and
// PromptSource does; PromptSource cuts fields at 2,048 characters, which no sentence of WinoBias has.
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { DataError, InputError, messageOf } from '../errors.ts';
import type { PromptEdges } from '../job-spec.ts';
import { textOf, type BenchmarkFile } from './benchmarks.ts';
import type { CorefDocument } from './conll.ts';
import { stripped } from './exact-match.ts';

export interface Prompt {
  readonly prompt: string;
  /** Without white space at its ends. */
  readonly target: string;
}

export type PromptTemplate = (document: CorefDocument, edges: PromptEdges) => Prompt;

const SEPARATOR = '|||';

const templatesFile = z.object({
  templates: z.record(z.string(), z.object({ name: z.string(), jinja: z.string() })),
});

/** The templates of a file by name. Throws DataError for a file of another form or Jinja that cannot be read. */
export function readTemplates(file: BenchmarkFile): ReadonlyMap<string, PromptTemplate> {
  let content: unknown;
  try {
    content = parseYaml(textOf(file), { logLevel: 'error' }); // tags such as !Template are not known and not needed
  } catch (error) {
    throw new DataError(`${file.path}: not YAML: ${messageOf(error)}`, { cause: error });
  }
  const parsed = templatesFile.safeParse(content);
  if (!parsed.success) throw new DataError(`${file.path}: expected templates with a name and Jinja; found none`);
  return new Map(
    Object.values(parsed.data.templates).map(({ name, jinja }) => [name, template(jinja, `${file.path}: "${name}"`)]),
  );
}

/** The template of this name. Throws InputError that lists those there are. */
export function findTemplate(templates: ReadonlyMap<string, PromptTemplate>, name: string): PromptTemplate {
  const found = templates.get(name);
  if (found !== undefined) return found;
  throw new InputError(`there is no template "${name}"; there are ${[...templates.keys()].sort().join(', ')}`);
}

function template(jinja: string, where: string): PromptTemplate {
  const program = attempt(() => parse(tokenize(jinja)), where);
  return (document, edges) => {
    const environment = new Environment();
    // The fields of the data set on Hugging Face, where the places of words are strings.
    environment.set('tokens', document.words);
    environment.set('coreference_clusters', document.mentions.map(String));
    const rendered = attempt(() => new Interpreter(environment).run(program).value, where);
    const parts = typeof rendered === 'string' ? rendered.split(SEPARATOR) : [];
    const [prompt = '', target = ''] = parts;
    if (parts.length !== 2 || stripped(prompt) === '' || stripped(target) === '')
      throw new DataError(`${where}: expected a prompt, ${SEPARATOR} and a target; found ${JSON.stringify(rendered)}`);
    return { prompt: edges === 'stripped' ? stripped(prompt) : prompt, target: stripped(target) };
  };
}

function attempt<T>(work: () => T, where: string): T {
  try {
    return work();
  } catch (error) {
    throw new DataError(`${where}: its Jinja cannot be rendered: ${messageOf(error)}`, { cause: error });
  }
}
