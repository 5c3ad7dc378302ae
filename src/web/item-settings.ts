// Which items are shown and how, as the address has it: `?set=nano-winobias/likelihood&at=1430&sort=fall&q=nurse&page=2&item=17`.
import type { Arm } from '../job-spec.ts';
import type { Scores } from './api.ts';
import { describeMetric } from './metric-names.ts';
import type { ItemSet, ItemUnit } from './records.ts';
import { ARM_ORDER, placeKey } from './scores.ts';

export const PAGE_SIZE = 50;
export const ITEM_SORTS = ['size', 'rise', 'fall', 'index'] as const;
export type ItemSort = (typeof ITEM_SORTS)[number];

export interface ItemSettings {
  readonly step: number | undefined;
  readonly arm: Arm;
  readonly baseline: Arm;
  readonly sort: ItemSort;
  readonly text: string | undefined;
  readonly biasType: string | undefined;
  readonly occupation: string | undefined;
  readonly turned: 'yes' | undefined;
  /** From 0. */
  readonly page: number;
  readonly item: number | undefined;
}

/** Reads the settings; what is not understood is as if it were not there. */
export function readItemSettings(query: Readonly<Record<string, string>>): ItemSettings {
  const [arm, baseline] = (query['arms'] ?? '').split('~');
  const known = (name: string | undefined, usual: Arm) => ARM_ORDER.find((one) => one === name) ?? usual;
  return {
    step: wholeNumber(query['at']),
    arm: known(arm, 'intervention'),
    baseline: known(baseline, 'control'),
    sort: ITEM_SORTS.find((one) => one === query['sort']) ?? 'size',
    text: query['q'],
    biasType: query['bias'],
    occupation: query['occupation'],
    turned: query['turned'] === 'yes' ? 'yes' : undefined,
    page: (wholeNumber(query['page']) ?? 1) - 1,
    item: wholeNumber(query['item']),
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** What was scored, each benchmark under each protocol with its settings once; those of stereotypes first, which one comes for. */
export function itemSets({ scores }: Scores): ItemSet[] {
  const sets = [...new Map(scores.map((row) => [placeKey(row), row])).values()];
  const isOfStereotypes = (set: ItemSet) =>
    scores.some((row) => placeKey(row) === placeKey(set) && describeMetric(row.metric).isStereotypeRate);
  return sets
    .toSorted((a, b) => Number(isOfStereotypes(b)) - Number(isOfStereotypes(a)))
    .map(({ benchmark, protocol, settings }) => ({ benchmark, protocol, ...(settings && { settings }) }));
}

/** What an item's figure says. */
export const MARGIN_WORDS: Readonly<Record<ItemUnit, string>> = {
  nats: 'log P of the stereotyped text − log P of the other, in nats: above zero, the stereotype is preferred',
  'nats per token': 'log-likelihood per token, in nats: the higher, the likelier the text',
  'right answers': 'right answers to the stereotyped prompt − to the other',
};
