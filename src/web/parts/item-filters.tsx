// What items are asked for: benchmark, step, arms, order, and which of them. Each choice goes into the address.
import { useEffect, useState } from 'preact/hooks';
import type { Arm } from '../../job-spec.ts';
import { formatCount } from '../format.ts';
import { ITEM_SORTS, type ItemSettings, type ItemSort } from '../item-settings.ts';
import type { ComparedItems, ItemSet } from '../records.ts';
import { setSetting } from '../route.ts';
import { placeKey, protocolWords } from '../scores.ts';
import { Choice } from './choice.tsx';

const SEARCH_AFTER_MS = 250;
const SORT_WORDS: Readonly<Record<ItemSort, string>> = {
  size: 'largest change',
  rise: 'greatest rise',
  fall: 'greatest fall',
  index: 'order of the files',
};

interface Props {
  sets: readonly ItemSet[];
  set: ItemSet;
  chosen: ItemSettings;
  arms: readonly Arm[];
  /** What the server has answered, with the values that filters can take. */
  known: ComparedItems | undefined;
}

/** Another choice of items begins on its first page. */
function choose(key: string, value: string | undefined): void {
  setSetting('page', undefined);
  setSetting(key, value === '' ? undefined : value);
}

export function ItemFilters({ sets, set, chosen, arms, known }: Props) {
  // The values stay while the next answer is on its way.
  const [latest, setLatest] = useState(known);
  useEffect(() => {
    if (known !== undefined) setLatest(known);
  }, [known]);
  const values = known ?? latest;
  const others = arms.filter((arm) => arm !== chosen.arm);
  return (
    <div class="item-filters" role="search" aria-label="Items">
      <Choice label="Benchmark" value={placeKey(set)} onChange={(key) => choose('set', key)}>
        {sets.map((one) => [placeKey(one), `${one.benchmark}, ${protocolWords(one)}`])}
      </Choice>
      <Choice label="Step" value={String(chosen.step ?? values?.step ?? '')} onChange={(step) => choose('at', step)}>
        {(values?.steps ?? []).map((step) => [String(step), formatCount(step)])}
      </Choice>
      <Choice
        label="Arm"
        value={chosen.arm}
        onChange={(arm) => choose('arms', `${arm}~${arm === chosen.baseline ? chosen.arm : chosen.baseline}`)}
      >
        {arms.map((arm) => [arm, arm])}
      </Choice>
      <Choice label="against" value={chosen.baseline} onChange={(arm) => choose('arms', `${chosen.arm}~${arm}`)}>
        {others.map((arm) => [arm, arm])}
      </Choice>
      <Choice label="Sort by" value={chosen.sort} onChange={(sort) => choose('sort', sort === 'size' ? '' : sort)}>
        {ITEM_SORTS.map((sort) => [sort, SORT_WORDS[sort]])}
      </Choice>
      <FacetChoice label="Bias type" counts={values?.biasTypes} value={chosen.biasType} setting="bias" />
      <FacetChoice label="Occupation" counts={values?.occupations} value={chosen.occupation} setting="occupation" />
      <Search text={chosen.text ?? ''} />
      <label class="switch">
        <input
          type="checkbox"
          checked={chosen.turned === 'yes'}
          onChange={(event) => choose('turned', event.currentTarget.checked ? 'yes' : '')}
        />{' '}
        only those whose preference turned
      </label>
    </div>
  );
}

interface FacetProps {
  label: string;
  counts: Readonly<Record<string, number>> | undefined;
  value: string | undefined;
  setting: string;
}

/** Only where there is something to choose. */
function FacetChoice({ label, counts = {}, value, setting }: FacetProps) {
  const names = Object.keys(counts);
  if (names.length < 2 && value === undefined) return null;
  const all = value === undefined || names.includes(value) ? names : [...names, value];
  return (
    <Choice label={label} value={value ?? ''} onChange={(next) => choose(setting, next)}>
      {[['', 'all'] as const, ...all.map((name) => [name, `${name} (${formatCount(counts[name] ?? 0)})`] as const)]}
    </Choice>
  );
}

/** Asks a moment after the last key, not at each. */
function Search({ text }: { text: string }) {
  const [typed, setTyped] = useState(text);
  useEffect(() => {
    if (typed.trim() === text) return;
    const timer = setTimeout(() => choose('q', typed.trim()), SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <label class="search">
      Search{' '}
      <input
        type="text"
        value={typed}
        placeholder="words of the sentences"
        maxLength={200}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
    </label>
  );
}
