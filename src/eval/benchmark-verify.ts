// Reads every set that is on disk again and says what it is: as pinned, changed, an own set, or nothing that could be scored.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, InputError, messageOf, NotFoundError } from '../errors.ts';
import { NOT_VERIFIED, OFFICIAL_SETS, REVISED_PAIRS } from './benchmark-sources.ts';
import { benchmarkNames, findBenchmark, type Benchmark } from './benchmarks.ts';
import { countItems } from './scoring-task.ts';

export type BenchmarkState =
  'as pinned' | 'changed' | 'own set' | 'not verified' | 'part of the nano suite' | 'faulty' | 'not here';

export interface BenchmarkReport {
  readonly name: string;
  readonly state: BenchmarkState;
  readonly sha256: string | null;
  readonly numItems: number | null;
  /** What was found, in words. */
  readonly detail: string;
}

/** One report a set: the known ones first, then own sets, then folders that are none. */
export function verifyBenchmarks(home: string): BenchmarkReport[] {
  const folder = join(home, 'benchmarks');
  const onDisk = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  const names = benchmarkNames(home);
  const strange = onDisk.filter((name) => !names.includes(name)).sort();
  return [
    ...names.map((name) => verify(name, home, onDisk.includes(name))),
    ...strange.map((name) => ({
      ...{ name, state: 'faulty' as const, sha256: null, numItems: null },
      detail: `${join(folder, name)}: the name is reserved, so no job finds it; take the set in under a name of its own`,
    })),
  ];
}

function verify(name: string, home: string, isOnDisk: boolean): BenchmarkReport {
  const isCarried = name.startsWith('nano-');
  if (!isOnDisk && !isCarried) return { name, state: 'not here', sha256: null, numItems: null, detail: '' };
  try {
    const benchmark = findBenchmark(name, home);
    const numItems = countItems(benchmark);
    const state = stateOf(benchmark);
    const detail = state === 'not verified' ? `${NOT_VERIFIED}; it has the published numbers of pairs` : '';
    return { name, state, sha256: benchmark.sha256, numItems, detail };
  } catch (error) {
    if (![InputError, NotFoundError, DataError].some((kind) => error instanceof kind)) throw error;
    const state = Object.hasOwn(OFFICIAL_SETS, name) ? 'changed' : 'faulty';
    return { name, state, sha256: null, numItems: null, detail: messageOf(error) };
  }
}

function stateOf({ name, isOfficial }: Benchmark): BenchmarkState {
  if (isOfficial && Object.hasOwn(OFFICIAL_SETS, name)) return 'as pinned';
  if (name === REVISED_PAIRS) return 'not verified';
  return name.startsWith('nano-') ? 'part of the nano suite' : 'own set';
}
