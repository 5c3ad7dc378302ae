// The items behind the scores of a job over HTTP: two arms side by side, item by item, sorted and searched; and one item over all steps.
import { Router } from 'express';
import { z } from 'zod';
import { DataError, NotFoundError } from '../errors.ts';
import { itemMargin, type Item, type MarginUnit } from '../eval/metrics.ts';
import type { Arm, Protocol } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { listScoredSteps, readItemHistory, type ScoredPlace } from '../store/items.ts';
import { findJob } from '../store/jobs.ts';
import { readItems } from '../store/results.ts';
import type { Catalog } from './catalog.ts';
import { armParameter, limitParameter, readQuery, settingsParameter, stepParameter, textParameter } from './request.ts';

const place = {
  benchmark: textParameter,
  protocol: textParameter.default('likelihood'),
  settings: settingsParameter.default({}),
};

/** How compared items can be ordered; what has no change comes last. */
export const ITEM_ORDERS = ['size', 'rise', 'fall', 'index'] as const;

/** What GET /jobs/:id/compared-items takes. */
export const comparedItemsQuerySchema = z.strictObject({
  ...place,
  step: stepParameter.optional().meta({ description: 'Default: the last that both arms were scored at.' }),
  arm: armParameter.default('intervention'),
  baseline: armParameter.default('control'),
  sort: z.enum(ITEM_ORDERS).default('size').meta({
    description: 'Largest change first, greatest rise or fall first, or the order of the files.',
  }),
  text: textParameter.optional().meta({ description: 'Part of a text or of the occupation, whatever its case.' }),
  biasType: textParameter.optional(),
  occupation: textParameter.optional(),
  turned: z.enum(['yes', 'no']).optional().meta({ description: 'Whether the arms prefer different texts.' }),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: limitParameter(500, 50),
});
type ComparedQuery = z.output<typeof comparedItemsQuerySchema>;

/** What GET /jobs/:id/item-history takes. */
export const itemHistoryQuerySchema = z.strictObject({
  ...place,
  index: z.coerce.number().int().min(0).max(1_000_000).meta({ description: 'The place in the files, from 0.' }),
});

/** GET /jobs/:id/compared-items and /jobs/:id/item-history. */
export function itemRoutes(database: Database, catalog: Catalog): Router {
  const router = Router();
  router.get('/jobs/:id/compared-items', async (request, response) => {
    const query = readQuery(request, comparedItemsQuerySchema);
    const { id } = await findJob(database, request.params.id);
    response.json(await readCompared(database, catalog, id, query));
  });
  router.get('/jobs/:id/item-history', async (request, response) => {
    const { index, ...where } = readQuery(request, itemHistoryQuerySchema);
    const { id } = await findJob(database, request.params.id);
    response.json(await readHistory(database, catalog, id, where, index));
  });
  return router;
}

interface ComparedItem {
  readonly index: number;
  readonly biasType: string;
  readonly occupation: string | null;
  readonly stereotype: string | null;
  /** The stereotyped first; null where the files are not here. */
  readonly texts: readonly string[] | null;
  readonly numTokens: readonly number[];
  /** How far each arm speaks for the first text; null where it was not scored. */
  readonly margins: { readonly baseline: number | null; readonly arm: number | null };
  readonly change: number | null;
}

async function readCompared(database: Database, catalog: Catalog, jobId: string, query: ComparedQuery) {
  const { arm, baseline } = query;
  const scored = await listScoredSteps(database, jobId, query);
  const stepsOf = (one: Arm) => scored.filter((row) => row.arm === one).map(({ step }) => step);
  const steps = [...new Set([...stepsOf(arm), ...stepsOf(baseline)])].sort((a, b) => a - b);
  const both = stepsOf(arm).filter((step) => stepsOf(baseline).includes(step));
  const step = query.step ?? both.at(-1) ?? steps.at(-1);
  if (step === undefined || !steps.includes(step)) throw notScored(jobId, query, step);
  const at = { benchmark: query.benchmark, protocol: query.protocol, settings: query.settings, step };
  const [own, others] = [
    (await readItems(database, jobId, { ...at, arm })) as readonly Item[] | undefined, // stored by a worker from an Evaluation
    (await readItems(database, jobId, { ...at, arm: baseline })) as readonly Item[] | undefined, // as above
  ];
  const { texts, textsMissing } = textsOf(catalog, query, scored.find((row) => row.step === step)?.sha256 ?? '');
  const all = compared(own, others, texts);
  const matching = all.filter((item) => matches(item, query)).sort(ORDERS[query.sort]);
  const items = matching.slice(query.offset, query.offset + query.limit);
  const first = (own ?? others)?.[0];
  return {
    ...{ step, steps, arm, baseline, unit: first === undefined ? null : itemMargin(first).unit, textsMissing },
    ...{ biasTypes: countsOf(all, 'biasType'), occupations: countsOf(all, 'occupation') },
    ...{ numItems: all.length, numMatching: matching.length, offset: query.offset, items },
  };
}

function compared(
  own: readonly Item[] | undefined,
  others: readonly Item[] | undefined,
  texts: readonly (readonly string[])[] | null,
): ComparedItem[] {
  return (own ?? others ?? []).map((item, i): ComparedItem => {
    const [arm, baseline] = [marginOf(own?.[i]), marginOf(others?.[i])];
    const { index, biasType, numTokens } = item;
    return {
      ...{ index, biasType, occupation: wordOf(item, 'occupation'), stereotype: wordOf(item, 'stereotype') },
      ...{ texts: texts?.[index] ?? null, numTokens, margins: { baseline, arm } },
      change: arm === null || baseline === null ? null : arm - baseline,
    };
  });
}

function marginOf(item: Item | undefined): number | null {
  return item === undefined ? null : itemMargin(item).margin;
}

function wordOf(item: Item, name: string): string | null {
  const value = item[name];
  return typeof value === 'string' ? value : null;
}

function matches({ biasType, occupation, texts, margins, change }: ComparedItem, query: ComparedQuery): boolean {
  const wanted = query.text?.toLowerCase();
  const isTurned = change !== null && margins.arm! > 0 !== margins.baseline! > 0; // both are there where a change is
  return (
    (query.biasType === undefined || biasType === query.biasType) &&
    (query.occupation === undefined || occupation === query.occupation) &&
    (query.turned === undefined || isTurned === (query.turned === 'yes')) &&
    (wanted === undefined || [...(texts ?? []), occupation ?? ''].some((one) => one.toLowerCase().includes(wanted)))
  );
}

type Order = (a: ComparedItem, b: ComparedItem) => number;
const byChange =
  (rank: (change: number) => number): Order =>
  (a, b) =>
    (b.change === null ? -Infinity : rank(b.change)) - (a.change === null ? -Infinity : rank(a.change)) ||
    a.index - b.index;
const ORDERS: Readonly<Record<(typeof ITEM_ORDERS)[number], Order>> = {
  size: byChange(Math.abs),
  rise: byChange((change) => change),
  fall: byChange((change) => -change),
  index: (a, b) => a.index - b.index,
};

function countsOf(items: readonly ComparedItem[], name: 'biasType' | 'occupation'): Record<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const word = item[name];
    if (word !== null) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function textsOf(catalog: Catalog, { benchmark, protocol, settings }: ScoredPlace, sha256: string) {
  try {
    // The protocol is a worker's own: an evaluation has it.
    return {
      texts: catalog.itemTexts({ benchmark, protocol: protocol as Protocol, settings }, sha256),
      textsMissing: null,
    };
  } catch (error) {
    if (!(error instanceof NotFoundError) && !(error instanceof DataError)) throw error;
    return { texts: null, textsMissing: error.message };
  }
}

async function readHistory(database: Database, catalog: Catalog, jobId: string, where: ScoredPlace, index: number) {
  const rows = await readItemHistory(database, jobId, where, index);
  const newest = rows.at(-1);
  if (newest === undefined) throw new NotFoundError(`job ${jobId} has no item ${index} of ${placeWords(where)}`);
  const item = newest.item as Item; // stored by a worker from an Evaluation
  const { texts, textsMissing } = textsOf(catalog, where, newest.sha256);
  const margins = rows.map(({ arm, step, item: one }) => {
    const { logLikelihood, predictions } = one as Item; // as above
    return { arm, step, margin: itemMargin(one as Item).margin, logLikelihood, predictions: predictions ?? null };
  });
  const words = {
    biasType: item.biasType,
    occupation: wordOf(item, 'occupation'),
    stereotype: wordOf(item, 'stereotype'),
  };
  const unit: MarginUnit = itemMargin(item).unit;
  return { index, ...words, unit, numTokens: item.numTokens, texts: texts?.[index] ?? null, textsMissing, margins };
}

function placeWords({ benchmark, protocol }: ScoredPlace): string {
  return `${benchmark} (${protocol})`;
}

function notScored(jobId: string, query: ComparedQuery, step: number | undefined): NotFoundError {
  const at = step === undefined ? '' : ` at step ${step}`;
  return new NotFoundError(
    `job ${jobId} has no evaluation of ${placeWords(query)} for ${query.arm} or ${query.baseline}${at}`,
  );
}
