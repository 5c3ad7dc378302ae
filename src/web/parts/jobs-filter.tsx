// Narrows and orders the list of jobs. All of it is in the address.
import { useEffect, useRef, useState } from 'preact/hooks';
import { JOB_STATES } from '../../job-spec.ts';
import { api, type JobFilter } from '../api.ts';
import { changeColumns, changeFilter, COLUMNS, ORDER_WORDS, type Column } from '../jobs-view.ts';
import { usePolled } from '../polling.ts';
import { parseRoute, routeLink } from '../route.ts';
import { Choice } from './choice.tsx';

/** Text goes into the address when typing pauses. */
const TYPED_AFTER_MS = 250;
/** States that are offered as links; the others are passing ones. */
const MAIN_STATES = [undefined, 'queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;

interface Props {
  filter: JobFilter;
  columns: readonly Column[];
  /** Tags of the jobs that are loaded, to choose from. */
  tags: readonly string[];
  /** Who sent them; none on a server that asks for no tokens. */
  senders: readonly string[];
}

export function JobsFilter({ filter, columns, tags, senders }: Props) {
  return (
    <>
      <StateLinks state={filter.state} />
      <div class="jobs-filter" role="search" aria-label="Jobs">
        <TypedFilter field="name" label="Search" value={filter.name} placeholder="part of the name" />
        <TypedFilter field="tag" label="Tag" value={filter.tag} placeholder="any" suggestions={tags} />
        {(senders.length > 0 || filter.submittedBy !== undefined) && (
          <TypedFilter
            field="submittedBy"
            label="Sent by"
            value={filter.submittedBy}
            placeholder="anyone"
            suggestions={senders}
          />
        )}
        <ModelFilter model={filter.model} />
        <Choice
          label="Archived"
          value={filter.archived ?? 'no'}
          onChange={(next) => changeFilter({ archived: unless('no', next) })}
        >
          {[
            ['no', 'left out'],
            ['only', 'alone'],
            ['all', 'with the others'],
          ]}
        </Choice>
        <Choice
          label="Order"
          value={filter.sort ?? 'newest'}
          onChange={(next) => changeFilter({ sort: unless('newest', next) })}
        >
          {Object.entries(ORDER_WORDS)}
        </Choice>
        <ColumnChoice columns={columns} />
      </div>
    </>
  );
}

/** What was chosen; the usual one is left out of the address. */
function unless(usual: string, chosen: string): string {
  return chosen === usual ? '' : chosen;
}

function StateLinks({ state }: { state: string | undefined }) {
  const { query } = parseRoute(location.hash);
  const passing = JOB_STATES.find((one) => one === state && !MAIN_STATES.some((main) => main === one));
  const states = passing === undefined ? MAIN_STATES : [...MAIN_STATES, passing];
  return (
    <nav class="filters" aria-label="Filter by state">
      {states.map((choice) => (
        <a
          key={choice ?? 'all'}
          href={routeLink('', { ...query, state: choice })}
          aria-current={state === choice ? 'true' : undefined}
        >
          {choice ?? 'all'}
        </a>
      ))}
    </nav>
  );
}

interface TypedProps {
  field: 'name' | 'tag' | 'submittedBy';
  label: string;
  value: string | undefined;
  placeholder: string;
  suggestions?: readonly string[];
}

function TypedFilter({ field, label, value = '', placeholder, suggestions = [] }: TypedProps) {
  const [typed, setTyped] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) setTyped(value); // changed by something else than typing here
    sent.current = value;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const change = (text: string) => {
    setTyped(text);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = text.trim();
      changeFilter({ [field]: text.trim() });
    }, TYPED_AFTER_MS);
  };
  return (
    <label>
      {label}
      <input
        type={field === 'name' ? 'search' : 'text'}
        value={typed}
        placeholder={placeholder}
        list={suggestions.length > 0 ? `known-${field}` : undefined}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {suggestions.length > 0 && (
        <datalist id={`known-${field}`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
    </label>
  );
}

function ModelFilter({ model }: { model: string | undefined }) {
  const { data = [] } = usePolled(() => api.models(), '', 0);
  const names = data.map(({ name }) => name);
  const shown = model === undefined || names.includes(model) ? names : [...names, model];
  return (
    <Choice label="Model" value={model ?? ''} onChange={(next) => changeFilter({ model: next })}>
      {[['', 'any'] as const, ...shown.map((name) => [name, name] as const)]}
    </Choice>
  );
}

function ColumnChoice({ columns }: { columns: readonly Column[] }) {
  return (
    <details class="column-choice">
      <summary>Columns</summary>
      <div class="options">
        {(Object.keys(COLUMNS) as Column[]).map((column) => (
          <label key={column}>
            <input
              type="checkbox"
              checked={columns.includes(column)}
              onChange={(event) =>
                changeColumns(
                  event.currentTarget.checked ? [...columns, column] : columns.filter((other) => other !== column),
                )
              }
            />{' '}
            {COLUMNS[column]}
          </label>
        ))}
      </div>
    </details>
  );
}
