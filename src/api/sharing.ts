// What of a job that is not submitted yet is here already, or under way, and what is left for it to do.
import type { JobSpec } from '../job-spec.ts';
import { afterBurnIn, mayShare, type SharedPart } from '../shared-keys.ts';
import type { Database } from '../store/database.ts';
import { listHolders, standingOf, type Standing } from '../store/shared-standing.ts';
import type { Catalog, Estimate } from './catalog.ts';

export const PART_STATES = ['here', 'under way', 'not here'] as const;

export interface PartOfJob {
  readonly part: SharedPart;
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
    basis: why ?? 'for a worker and files like those that did it; of jobs that are only queued nothing is known',
  };
}

function partsOf({ arms }: JobSpec, { work: { plan, numTrainings } }: Estimate): SharedPart[] {
  return [
    ...(arms.includes('control') ? (['control'] as const) : []),
    ...(plan.resume === 'burn-in' && numTrainings > 0 ? (['burn-in'] as const) : []),
    ...(arms.includes('published') && plan.hasPublishedEnd ? (['published'] as const) : []),
  ];
}

function refusalOf(spec: JobSpec, { backend }: Estimate): string | undefined {
  if (mayShare(spec, backend)) return undefined;
  if (spec.training.shareArms === false) return 'training.shareArms is false: it takes nothing over';
  return spec.training.engine === 'gpt-neox'
    ? 'what GPT-NeoX trains is shared with no other job'
    : 'on the tensorflow back end jobs share nothing';
}

function notHere(part: SharedPart): PartOfJob {
  return { part, state: 'not here', by: null };
}

async function standingParts(
  database: Database,
  catalog: Catalog,
  spec: JobSpec,
  { work: { plan }, backend }: Estimate,
  wanted: readonly SharedPart[],
): Promise<PartOfJob[]> {
  const { model, dataset } = spec;
  const earlier = await listHolders(database, { model, dataset, backend, from: plan.from, to: plan.to });
  const keys = catalog.likelyKeys(spec, { ...plan, backend: { name: backend } }, earlier);
  const trained = keys.flatMap((one) => one.trained ?? []);
  const burnIns = wanted.includes('burn-in')
    ? await standingOf(
        database,
        trained.map((one) => one['burn-in']),
      )
    : [];
  const ofBurnIn = new Map(burnIns.map((one) => [one.key, one.burnIn]));
  // From which moments a control starts is known once the burn-in is done.
  const controls = trained.flatMap((one) => {
    if (!wanted.includes('burn-in')) return [one.control];
    const done = ofBurnIn.get(one['burn-in'])?.manifestSha256;
    return done === undefined ? [] : [afterBurnIn(one, done).control];
  });
  const published = keys.flatMap((one) => one.published ?? []);
  const others = await standingOf(database, [...controls, ...published]);
  const found: Record<SharedPart, readonly Standing[]> = {
    control: others.filter(({ key }) => controls.includes(key)),
    published: others.filter(({ key }) => published.includes(key)),
    'burn-in': burnIns.filter(({ isDone, burnIn }) => !isDone || catalog.hasCheckpoint(burnIn?.path ?? '')),
  };
  return wanted.map((part) => bestOf(part, found[part]));
}

function bestOf(part: SharedPart, standings: readonly Standing[]): PartOfJob {
  const done = standings.find(({ isDone }) => isDone);
  const atWork = standings.find(({ isAtWork }) => isAtWork);
  if (done !== undefined) return { part, state: 'here', by: done.by };
  return atWork === undefined ? notHere(part) : { part, state: 'under way', by: atWork.by };
}
