// What a score is of, in words: the benchmark, and how it was scored where that is not by likelihood.
import type { ScoringSettings } from '../job-spec.ts';

export interface Place {
  readonly benchmark: string;
  readonly protocol: string;
  readonly settings: ScoringSettings;
}

export function placeWords({ benchmark, protocol, settings }: Place): string {
  const words = Object.entries(settings).map(([name, value]) => `${name} ${[value].flat().join(' and ')}`);
  return [benchmark, ...(protocol === 'likelihood' ? [] : [protocol]), ...words].join(', ');
}
