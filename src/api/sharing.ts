// What of a job that is not submitted yet is here already, or under way, and what is left for it to do.
import type { JobSpec } from '../job-spec.ts';
import { afterBurnIn, mayShare, publishedScorings, type SharedPart } from '../shared-keys.ts';
import type { Database } from '../store/database.ts';
import { listHolders, standingOf, type Standing } from '../store/shared-standing.ts';
import type { Catalog, Estimate } from './catalog.ts';
import { placeKey, placeOf, type Place } from './scores.ts';

export const PART_STATES = ['here', 'under way', 'not here'] as const;

export interface PartOfJob {
  readonly part: SharedPart;
  /** Of a published checkpoint: which of its scores; null of other parts. */
  readonly scoring: Place | null;
  readonly state: (typeof PART_STATES)[number];
  /** The job that has done it, or is at work on it. */
  readonly by: { readonly job: string; readonly name: string } | null;
}

export interface Sharing {
  /** What it could take over: control, burn-in, published scores, as far as it has them. */
  readonly parts: readonly PartOfJob[];
  readonly left: { readonly numTrainings: number; readonly numTokens: number; readonly diskBytes: number };
  readonly basis: string;
}

/** How the parts of a job stand. What a job needs that is only queued, none has claimed: whoever comes first will do it. */
export async function sharingOf(
  database: Database,
  catalog: Catalog,
  spec: JobSpec,
  facts: Estimate,
): Promise<Sharing> {
  const wanted = partsOf(spec, facts);
  const why = refusalOf(spec, facts);
  const parts = why === undefined ? await standingParts(database, catalog, spec, facts, wanted) : wanted.map(notHere);
  const isTaken = (part: SharedPart) => parts.some((one) => one.part === part && one.state !== 'not here');
  const { disk, work } = facts;
  const { ofTraining, ofBurnIn } = work;
  const numTrainings = work.numTrainings - (isTaken('control') ? 1 : 0);
  const burnIns = isTaken('burn-in') ? 0 : 1;
  return {
    parts,
    left: {
      numTrainings,
      numTokens: numTrainings * ofTraining.numTokens + burnIns * ofBurnIn.numTokens,
      diskBytes: (numTrainings * ofTraining.numCheckpoints + burnIns * ofBurnIn.numCheckpoints) * disk.checkpointBytes,
    },
    basis: why ?? 'on a worker and files like theirs; of jobs that are only queued nothing is known',
  };
}

type Wanted = Pick<PartOfJob, 'part' | 'scoring'>;

function partsOf({ arms }: JobSpec, { work }: Estimate): Wanted[] {
  const { plan, numTrainings } = work;
  const scorings = arms.includes('published') && plan.hasPublishedEnd ? publishedScorings(work) : [];
  return [
    ...(arms.includes('control') ? [{ part: 'control', scoring: null } as const] : []),
    ...(plan.resume === 'burn-in' && numTrainings > 0 ? [{ part: 'burn-in', scoring: null } as const] : []),
    ...scorings.map((scoring) => ({ part: 'published', scoring: placeOf(scoring) }) as const),
  ];
}

function refusalOf(spec: JobSpec, { backend }: Estimate): string | undefined {
  if (mayShare(spec, backend)) return undefined;
  if (spec.training.shareArms === false) return 'training.shareArms is false: it takes nothing over';
  return spec.training.engine === 'gpt-neox'
    ? 'what GPT-NeoX trains is shared with no other job'
    : 'on the tensorflow back end jobs share nothing';
}

function notHere(wanted: Wanted): PartOfJob {
  return { ...wanted, state: 'not here', by: null };
}

async function standingParts(
  database: Database,
  catalog: Catalog,
  spec: JobSpec,
  { work, backend }: Estimate,
  wanted: readonly Wanted[],
): Promise<PartOfJob[]> {
  const { model, dataset } = spec;
  const { from, to } = work.plan;
  const earlier = await listHolders(database, { model, dataset, backend, from, to });
  const keys = catalog.likelyKeys(spec, work, earlier);
  const trained = keys.flatMap((one) => one.trained ?? []);
  const hasBurnIn = wanted.some(({ part }) => part === 'burn-in');
  const burnInKeys = hasBurnIn ? trained.map((one) => one['burn-in']) : [];
  const burnIns = await standingOf(database, burnInKeys);
  const controlKeys = trained.flatMap((one) => {
    if (!hasBurnIn) return [one.control];
    // From which moments a control starts is known once the burn-in is done.
    const done = burnIns.find(({ key }) => key === one['burn-in'])?.burnIn?.manifestSha256;
    return done === undefined ? [] : [afterBurnIn(one, done).control];
  });
  const scoringKeys = keys.flatMap(({ published }) => published ?? []);
  const others = await standingOf(database, [...controlKeys, ...scoringKeys.map(({ key }) => key)]);
  const isUsable = ({ isDone, burnIn }: Standing) => !isDone || catalog.hasCheckpoint(burnIn?.path ?? '');
  return wanted.map((one) => {
    if (one.part === 'burn-in') return bestOf(one, burnIns.filter(isUsable));
    const { scoring } = one;
    const own =
      scoring === null
        ? controlKeys
        : scoringKeys.filter((found) => placeKey(found) === placeKey(scoring)).map(({ key }) => key);
    return bestOf(
      one,
      others.filter(({ key }) => own.includes(key)),
    );
  });
}

function bestOf(wanted: Wanted, standings: readonly Standing[]): PartOfJob {
  const done = standings.find(({ isDone }) => isDone);
  const atWork = standings.find(({ isAtWork }) => isAtWork);
  if (done !== undefined) return { ...wanted, state: 'here', by: done.by };
  return atWork === undefined ? notHere(wanted) : { ...wanted, state: 'under way', by: atWork.by };
}
