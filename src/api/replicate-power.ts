// How small an effect so many model seeds could find: from the spread of the effect over the seeds of the model's family that were trained here. Without such jobs
// it is not known, and what the items of one model can show says nothing about it.
import { isPart } from '../eval/metrics.ts';
import { detectableOverReplicates } from '../eval/replicates.ts';
import type { JobSpec } from '../job-spec.ts';
import type { Database } from '../store/database.ts';
import { listFamily } from '../store/experiments.ts';
import { inOrder, replicateGroups, type ReplicateGroup, type ReplicatedFigure } from '../replicates.ts';
import { placeKey, type Place } from './scores.ts';

export interface ReplicatePower {
  readonly numReplicates: number;
  /** What the figures rest on, or why there are none. */
  readonly basis: string;
  /** Whole metrics of the benchmark. */
  readonly effects: readonly {
    readonly metric: string;
    /** Of the effect over the seeds that were trained. */
    readonly standardDeviation: number;
    readonly numSeeds: number;
    /** Null for one replicate, and where all seeds had the same effect. */
    readonly detectable: number | null;
  }[];
}

/** The newest jobs of a family that are looked through. */
const MOST_JOBS = 500;

/** Reads the spreads of a family once; answers the power on each benchmark. */
export async function openReplicatePower(
  database: Database,
  { intervention }: JobSpec,
  family: string,
  numReplicates: number,
): Promise<(place: Place) => ReplicatePower> {
  const experiments = await listFamily(database, family, MOST_JOBS);
  const groups = replicateGroups(experiments).filter(({ over }) => over === 'model seeds');
  const wanted = withoutSeed(intervention);
  const isSame = ({ jobs: [job] }: ReplicateGroup) => {
    const spec = experiments.find(({ id }) => id === job?.id)?.spec as JobSpec | undefined; // checked before it was stored
    return spec !== undefined && withoutSeed(spec.intervention) === wanted;
  };
  const ranked = groups
    .map((group) => ({ group, isSame: isSame(group) }))
    .sort((a, b) => Number(b.isSame) - Number(a.isSame) || b.group.numSeeds - a.group.numSeeds);
  return (place) => {
    const found = ranked.find(({ group }) => effectsAt(group, place).length > 0);
    if (found === undefined) return { numReplicates, basis: unknownBasis(family), effects: [] };
    return {
      numReplicates,
      basis: basisOf(found.group, found.isSame, numReplicates),
      effects: effectsAt(found.group, place).map((effect) => powerOf(effect, numReplicates)),
    };
  };
}

function effectsAt({ effects }: ReplicateGroup, place: Place): ReplicatedFigure[] {
  return effects.filter(
    (effect) => placeKey(effect) === placeKey(place) && effect.numReplicates > 1 && !isPart(effect.metric),
  );
}

function powerOf({ metric, standardError, numReplicates: numSeeds }: ReplicatedFigure, numReplicates: number) {
  const standardDeviation = (standardError ?? 0) * Math.sqrt(numSeeds); // two seeds and more have an error
  return {
    metric,
    standardDeviation,
    numSeeds,
    detectable: detectableOverReplicates(standardDeviation, numReplicates),
  };
}

function basisOf({ family, numSeeds, jobs }: ReplicateGroup, isSame: boolean, numReplicates: number): string {
  const which = isSame ? 'the same intervention' : 'another intervention';
  const spread = `the spread of ${which} over ${numSeeds} seeds of ${family} (job ${jobs[0]!.id} and its like), taken for the true one`; // a group has one
  if (numReplicates > 1) return spread;
  return `one replicate cannot show what training with another seed would give: ask for 2 or more; known is ${spread}`;
}

function unknownBasis(family: string): string {
  return `unknown: no two seeds of ${family} have been trained and scored on it here; what is told of items speaks of one trained model alone`;
}

function withoutSeed(intervention: JobSpec['intervention']): string {
  return inOrder({ ...intervention, seed: undefined });
}
