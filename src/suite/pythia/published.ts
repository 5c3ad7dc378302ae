// What EleutherAI published of the Pythia models on CrowS-Pairs, WinoBias and LAMBADA, to be shown beside scores made here. The figures are in
// suite/published/pythia-scores.tsv, one line for each result file of EleutherAI/pythia (folder evals, which its column `source` names), read at
// a19eecb: value±standard error, rates as fractions, `step` in updates. `checkout` is the GPT-NeoX commit that the first release's files name.
import { readFileSync } from 'node:fs';
import { DataError } from '../../errors.ts';
import { ANSWER_DEFAULTS, type ScoringSettings } from '../../job-spec.ts';
import { packagePath } from '../../package-root.ts';
import { findPythia, revisionOf } from './models.ts';

/** A sentence about a figure that must be read with it. */
export interface Warning {
  readonly label: string;
  readonly detail: string;
}

export interface PublishedScore {
  readonly model: string;
  readonly step: number;
  /** The hub's name of the checkpoint; of interventions, which have no checkpoints in mid-way there, that of the original at the step. */
  readonly revision: string;
  readonly condition: Condition;
  readonly benchmark: 'crows-pairs-revised' | 'lambada-openai' | 'winobias';
  /** As it is called here, so that it can be held against ours. */
  readonly metric: string;
  readonly value: number;
  readonly standardError: number | null;
  readonly numItems: number;
  readonly source: string;
  readonly warnings: readonly Warning[];
}

/** The original training, scored for the case study or in the sweep over all models, and the interventions on its last 7 or 21 %. */
export const CONDITIONS = ['baseline', 'sweep', 'intervene-7', 'intervene-21'] as const;
export type Condition = (typeof CONDITIONS)[number];

/** A score made here, as far as finding its published twin needs. */
export interface OwnPlace {
  readonly benchmark: string;
  readonly protocol: string;
  /** Of pythia-em. */
  readonly settings?: ScoringSettings;
  readonly step: number;
}

type Column = Pick<PublishedScore, 'benchmark' | 'metric' | 'numItems'>;

const crows = (metric: string, numItems: number): Column => ({ benchmark: 'crows-pairs-revised', metric, numItems });
const winoBias = (metric: string, numItems: number): Column => ({ benchmark: 'winobias', metric, numItems });

/** The published templates, by their name in the file's columns, as parts of our metrics are called. */
const TEMPLATES: Readonly<Record<string, string>> = { 'stand-for': 'what-does-p-stand-for', 'refers-to': 'refers-to' };

const FIRST_COLUMNS = ['model', 'condition', 'step', 'checkout', 'source'];
/** The score columns in file order. WinoBias: two templates of four files of 396 sentences; net bias is pro less anti. */
const SCORE_COLUMNS: Readonly<Record<string, Column>> = {
  'crows.pct': crows('pctStereotype', 1677),
  'crows.diff': crows('likelihoodDiff', 1677),
  'gender.pct': crows('pctStereotype.gender', 320),
  'gender.diff': crows('likelihoodDiff.gender', 320),
  'lambada.acc': { benchmark: 'lambada-openai', metric: 'wordAccuracy', numItems: 5153 },
  'lambada.ppl': { benchmark: 'lambada-openai', metric: 'perplexity', numItems: 5153 },
  'wino.net': winoBias('netBias', 3168),
  'wino.em': winoBias('accuracy', 3168),
  ...Object.fromEntries(
    ['type1-pro', 'type1-anti', 'type2-pro', 'type2-anti'].flatMap((part) =>
      Object.entries(TEMPLATES).map(([column, template]) => [
        `wino.${part}.${column}`,
        winoBias(`accuracy.${part}.${template}`, 396),
      ]),
    ),
  ),
};

const CONTAMINATED: Warning = {
  label: 'contaminated checkout',
  detail:
    'scored by a checkout whose batch function rewrote the text of the evaluation, too, which moves sentences with he, him or his by tens of nats; to be compared with figures of the same checkout alone, if at all',
};
const OTHER_ADAPTER: Warning = {
  label: 'other harness',
  detail: 'scored through the GPT-NeoX adapter in half precision, at most 1,024 tokens, unlike the later figures',
};
const HALF_PRECISION: Warning = {
  label: 'half precision',
  detail:
    'logits and sums were fp16: expect one to three pairs of 320 to fall otherwise in fp32; two of the publishers’ own runs of one model differ by as many',
};
const GENERATED: Warning = {
  label: 'exact match',
  detail: 'greedy text against the referent’s words, not the multiple choice that the paper describes',
};
const MIXED_HARNESS: Warning = {
  label: 'mixed harness',
  detail:
    'baselines went through the GPT-NeoX adapter (at most 128 new tokens), interventions another way (probably 256): the published difference between them is not one of models alone',
};
const OTHER_SET: Warning = {
  label: 'another set',
  detail:
    'of the revised English pairs (1,677, 320 of gender), while the score here is of the first release (1,508, 262 of gender)',
};

let known: readonly PublishedScore[] | undefined;

/** Every published figure, about 7,000, by model, condition and step. Throws DataError for a damaged file. */
export function publishedScores(): readonly PublishedScore[] {
  const path = packagePath('suite', 'published', 'pythia-scores.tsv');
  known ??= parsePublished(readFileSync(path, 'utf8'), path);
  return known;
}

/**
 * The published figures of a model of the suite that belong beside scores made here: same step, same metric, the set they are of. None for a
 * model that is not of the suite.
 */
export function publishedBeside(model: string, own: OwnPlace): PublishedScore[] {
  const benchmark = publishedName(own);
  if (benchmark === null) return [];
  const found = publishedScores().filter(
    (score) =>
      score.model === model && score.step === own.step && score.benchmark === benchmark && isOfTemplates(score, own),
  );
  if (own.benchmark !== 'crows-pairs') return found;
  return found.map((score) => ({ ...score, warnings: [OTHER_SET, ...score.warnings] }));
}

/** Figures over both published templates belong beside ours over the same two alone. */
function isOfTemplates({ metric }: PublishedScore, { protocol, settings }: OwnPlace): boolean {
  if (protocol !== 'pythia-em' || settings === undefined || metric.includes('.')) return true;
  const templates = [settings['templates'] ?? []].flat();
  const published = ANSWER_DEFAULTS.templates;
  return templates.length === published.length && published.every((template) => templates.includes(template));
}

// Published WinoBias figures are of generated text; those of the other protocols here have no published twin. So have shared tokens.
function publishedName({ benchmark, protocol }: OwnPlace): PublishedScore['benchmark'] | null {
  if (benchmark === 'lambada-openai') return benchmark;
  if (benchmark === 'winobias' || benchmark === 'winobias-conll') return protocol === 'pythia-em' ? 'winobias' : null;
  const isPairs = benchmark === 'crows-pairs' || benchmark === 'crows-pairs-revised-unverified';
  return isPairs && protocol !== 'shared-tokens' ? 'crows-pairs-revised' : null;
}

function parsePublished(text: string, path: string): PublishedScore[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  const expected = [...FIRST_COLUMNS, ...Object.keys(SCORE_COLUMNS)].join('\t');
  if (header !== expected) throw new DataError(`${path}: line 1: expected the columns ${expected}; found ${header ?? ''}`);
  return lines.flatMap((line, index) => parseLine(line, `${path}: line ${index + 2}`));
}

function parseLine(line: string, where: string): PublishedScore[] {
  const [name, condition, stepText, checkout, file, ...cells] = line.split('\t');
  const model = findPythia(name ?? '');
  const step = Number(stepText);
  if (model === undefined || !isCondition(condition) || !Number.isSafeInteger(step) || file === undefined) {
    throw new DataError(`${where}: expected model, condition, step, checkout and source; found ${line.slice(0, 100)}`);
  }
  const place = { model: model.name, step, revision: revisionOf(model, step), condition };
  const source = `https://github.com/EleutherAI/pythia/blob/main/${file}`;
  return Object.values(SCORE_COLUMNS).flatMap((column, i) => {
    const cell = cells[i] ?? '';
    if (cell === '') return [];
    const [value = NaN, standardError = null] = cell.split('±').map(Number);
    if (!Number.isFinite(value)) throw new DataError(`${where}: expected a figure of ${column.metric}; found ${cell}`);
    const warnings = warningsOf(column, model.name, checkout ?? '');
    return [{ ...place, ...column, value, standardError, source, warnings }];
  });
}

function isCondition(text: string | undefined): text is Condition {
  return CONDITIONS.some((condition) => condition === text);
}

function warningsOf({ benchmark }: Column, model: string, checkout: string): readonly Warning[] {
  if (benchmark === 'winobias') return model.endsWith('-v0') ? [GENERATED] : [GENERATED, MIXED_HARNESS];
  if (checkout === '') return [HALF_PRECISION];
  return checkout === '8164ebc' ? [CONTAMINATED, OTHER_ADAPTER] : [OTHER_ADAPTER, HALF_PRECISION];
}
