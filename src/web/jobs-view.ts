// What the list of jobs shows, as the address holds it: filters, order, columns and the chosen jobs.
import type { JobFilter } from './api.ts';
import { setSettings } from './route.ts';

export const COLUMNS = {
  state: 'State',
  model: 'Model and window',
  rewriting: 'Rewriting',
  effect: 'Effect, pro-stereotype rate',
  tags: 'Tags',
  priority: 'Priority',
  attempt: 'Attempt',
  took: 'Took',
  submitted: 'Submitted',
} as const;
export type Column = keyof typeof COLUMNS;

const USUAL_COLUMNS: readonly Column[] = ['state', 'model', 'rewriting', 'effect', 'submitted'];

export const ORDER_WORDS = {
  newest: 'newest first',
  oldest: 'oldest first',
  name: 'by name',
  priority: 'by priority',
} as const;

export interface JobsView {
  readonly filter: JobFilter;
  readonly columns: readonly Column[];
  /** Ids. */
  readonly chosen: readonly string[];
}

type Query = Readonly<Record<string, string>>;

/** The settings of an address. What the server does not know as a filter, it refuses in words. */
export function readJobsView(query: Query): JobsView {
  const { state, sweep, tag, submittedBy, model, name, archived, sort } = query;
  return {
    filter: { state, sweep, tag, submittedBy, model, name, archived, sort },
    columns: columnsOf(query['columns']),
    chosen: query['chosen']?.split(',') ?? [],
  };
}

function columnsOf(text: string | undefined): readonly Column[] {
  if (text === undefined) return USUAL_COLUMNS;
  const wanted = text.split(',');
  return (Object.keys(COLUMNS) as Column[]).filter((column) => wanted.includes(column)); // its keys are all columns
}

/** Whether anything but the order narrows the list. */
export function isFiltered(filter: JobFilter): boolean {
  return Object.entries(filter).some(([key, value]) => key !== 'sort' && value !== undefined);
}

/** Changes filters or the order in the address; an empty text takes a filter away. */
export function changeFilter(changes: Partial<Record<keyof JobFilter, string>>): void {
  setSettings(Object.fromEntries(Object.entries(changes).map(([key, value]) => [key, value || undefined])));
}

/** Shows other columns, in their own order. */
export function changeColumns(columns: readonly Column[]): void {
  const isUsual = columns.length === USUAL_COLUMNS.length && USUAL_COLUMNS.every((one) => columns.includes(one));
  setSettings({ columns: isUsual ? undefined : columns.join(',') });
}

/** Chooses other jobs. */
export function changeChosen(ids: readonly string[]): void {
  setSettings({ chosen: ids.length === 0 ? undefined : ids.join(',') });
}
