// The comparisons of every shown side with the pinned one, a few at a time: each is computed from the items of both.
import { useEffect, useState } from 'preact/hooks';
import { comparisonApi, type PairComparison } from '../comparison-api.ts';
import { refusalWords } from '../refusal-words.ts';

const AT_ONCE = 3;

export interface Pairs {
  /** What is known so far, by side; words where the server refused. */
  readonly found: ReadonlyMap<string, PairComparison | string>;
  readonly numAsked: number;
}

/** Compares `sides` with `baseline`, all as JOB:arm; nothing while the baseline is undefined. `version` changes when scores may have. */
export function usePairs(sides: readonly string[], baseline: string | undefined, version: string): Pairs {
  const key = JSON.stringify([baseline, sides, version]);
  const [state, setState] = useState<{ key: string; found: Pairs['found'] }>({ key, found: new Map() });
  const wanted = baseline === undefined ? [] : sides.filter((side) => side !== baseline);
  useEffect(() => {
    if (baseline === undefined) return;
    let isCurrent = true;
    const found = new Map<string, PairComparison | string>();
    const queue = [...wanted];
    const work = async () => {
      for (let side = queue.shift(); side !== undefined && isCurrent; side = queue.shift()) {
        found.set(side, await comparisonApi.pair(side, baseline).catch(refusalWords));
        if (isCurrent) setState({ key, found: new Map(found) });
      }
    };
    for (let worker = 0; worker < AT_ONCE; worker += 1) void work();
    return () => {
      isCurrent = false;
    };
  }, [key]);
  return { found: state.key === key ? state.found : new Map(), numAsked: wanted.length };
}
