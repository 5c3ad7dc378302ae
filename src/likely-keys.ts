// The keys of what a job would share (shared-keys.ts) before it is submitted. A worker makes them of a manifest, for which it hashes the job's files; here the manifest
// is put together from that of an earlier job on the same back end, whose hashes hold as long as its files have not been touched since. So nothing large is read.
import { isDeepStrictEqual } from 'node:util';
import { statSync } from 'node:fs';
import { isUrl } from './data/remote-file.ts';
import { shownUrl } from './data/web-failures.ts';
import { findBenchmark } from './eval/benchmarks.ts';
import type { JobSpec } from './job-spec.ts';
import { checkpointFiles, tokenFiles } from './manifest-files.ts';
import { sharedKeys, type PlannedWork, type ScoringKey, type SharedKeys } from './shared-keys.ts';
import { softwareVersions } from './software.ts';
import type { EarlierJob } from './store/shared-standing.ts';
import { describePlace } from './suite/datasets.ts';
import { findModel } from './suite/models.ts';

/** Keys that a worker would make, as far as the earlier job's files are this job's. */
export interface LikelyKeys {
  /** Undefined where the files of the start are not known. */
  readonly trained: Pick<SharedKeys, 'control' | 'burn-in'> | undefined;
  /** Undefined where the published checkpoint at the window's end is not known. */
  readonly published: readonly ScoringKey[] | undefined;
}

/** As makeManifest writes it (jobs/manifest.ts), and makePlan the plan. */
interface Kept {
  readonly spec: Pick<JobSpec, 'training'>;
  readonly plan: PlannedWork['plan'];
  readonly manifest: {
    readonly start?: unknown;
    readonly software: unknown;
    readonly model: Record<'config' | 'tokenizer' | 'start' | 'published', Identity | Identity[] | null>;
    readonly dataset: Record<'bin' | 'idx', Identity | Identity[]> & { readonly prefix: string };
  };
}
interface Identity {
  readonly path: string;
  readonly sizeBytes: number;
}

/** For each of the earlier jobs the keys of this one, on a worker like that job's; none for a job of another program or other files. */
export function likelyKeys(
  home: string,
  spec: JobSpec,
  { plan, heldBack }: PlannedWork,
  earlier: readonly EarlierJob[],
): LikelyKeys[] {
  if (earlier.length === 0) return [];
  const model = findModel(home, spec.model);
  const description = describePlace(home, spec.dataset);
  const benchmarks = plan.benchmarks.map(({ benchmark, protocol, settings }) => {
    const { name, kind, sha256, isOfficial } = findBenchmark(benchmark, home);
    return { name, kind, sha256, isOfficial, protocol, settings };
  });
  return earlier.flatMap((job): LikelyKeys[] => {
    const kept = job as unknown as Kept; // a worker stored it
    const { manifest } = kept;
    const isSame = (identity: Identity | Identity[] | null, paths: string | string[] | undefined) =>
      isUntouched(identity, paths, job.claimedAt);
    const isUsable =
      manifest.start === undefined && // of a fork: its start is no checkpoint of the model's
      isDeepStrictEqual(manifest.software, (currentSoftware ??= softwareVersions())) &&
      isSame(manifest.model.config, model.configPath) &&
      isSame(manifest.model.tokenizer, model.tokenizerPath) &&
      isSameData(manifest.dataset, description, isSame);
    if (!isUsable) return [];
    const [start, end] = [plan.from, plan.to].map((step) => model.checkpoints.get(step));
    const planned = { plan: planOn(kept, spec, plan), heldBack };
    const keys = sharedKeys({ ...manifest, benchmarks }, planned);
    return [
      {
        trained: isSame(manifest.model.start, start && checkpointFiles(start)) ? keys : undefined,
        published: isSame(manifest.model.published, end && checkpointFiles(end)) ? keys.published : undefined,
      },
    ];
  });
}

let currentSoftware: Record<string, unknown> | undefined; // that of this process, as long as it runs

/** The plan with the micro-batch that the earlier job's worker chose, where this job leaves it to its worker alike. */
function planOn(kept: Kept, spec: JobSpec, plan: PlannedWork['plan']): PlannedWork['plan'] {
  const wishOf = ({ training }: Kept['spec']) => [training.microBatchSize, training.recompute, training.rowsPerStep];
  if (!isDeepStrictEqual(wishOf(kept.spec), wishOf(spec))) return plan;
  const { microBatchSize, recompute } = kept.plan;
  return { ...plan, microBatchSize, ...(recompute !== undefined && { recompute }) };
}

/** The same corpus. What lies behind a URL is taken for what the earlier job found there. */
function isSameData(
  { bin, idx, ...kept }: Kept['manifest']['dataset'],
  { prefix, ...description }: ReturnType<typeof describePlace>,
  isSame: (identity: Identity | Identity[], paths: string | string[]) => boolean,
): boolean {
  const isRemote = isUrl(prefix);
  if (!isDeepStrictEqual(kept, { ...description, prefix: isRemote ? shownUrl(prefix) : prefix })) return false;
  const files = isRemote ? undefined : tokenFiles(prefix);
  return files === undefined || (isSame(bin, files.bin) && isSame(idx, files.idx));
}

/** Whether these files are those that were identified, and nothing was done to them since: a file's change of status is stamped even where its contents keep their time. */
function isUntouched(
  identity: Identity | Identity[] | null,
  paths: string | string[] | undefined,
  since: Date,
): boolean {
  if (identity === null || paths === undefined) return false;
  const [kept, wanted] = [[identity].flat(), [paths].flat()];
  if (kept.length !== wanted.length) return false;
  return kept.every(({ path, sizeBytes }, i) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return path === wanted[i] && found?.size === sizeBytes && found.ctime <= since;
  });
}
