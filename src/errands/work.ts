// What each kind of errand does, by the same functions as the command line: `tiresias models pull`, `models verify` and `datasets verify`.
import { setTimeout as wait } from 'node:timers/promises';
import { verifyDataset } from '../data/verify.ts';
import { DataError, NotFoundError } from '../errors.ts';
import type { ErrandProgress } from '../store/errands.ts';
import { datasetCacheFolder, describeDataset } from '../suite/datasets.ts';
import { dataHeaders } from '../suite/hub/remote-data.ts';
import type { HubClient } from '../suite/hub/request.ts';
import { findModel } from '../suite/models.ts';
import { pullModel, type PullProgress } from '../suite/pull.ts';
import { findPythia } from '../suite/pythia/models.ts';
import { verifyModel, type CheckpointReport } from '../suite/verify.ts';
import { rateOfBytes } from './rate.ts';
import type { ErrandTask } from './task.ts';

/** One thing that was checked. */
export interface Finding {
  /** Null of a dataset. */
  readonly checkpoint: string | null;
  readonly check: string;
  readonly outcome: 'ok' | 'fault' | 'not checked';
  readonly detail: string;
}

export type Result = Readonly<Record<string, unknown>>;
type Tell = (progress: ErrandProgress) => void;

/** Attempts after the first that bring nothing, as the command line has them. */
const RETRIES = { pull: 6, verify: 1 } as const;

/** Does the errand; what it answers goes into its row. Throws the signal's reason, and what pulling and verifying throw. */
export function doErrand(task: ErrandTask, tell: Tell, signal: AbortSignal): Promise<Result> {
  const kinds = { 'pull-model': pull, 'verify-model': verifyCheckpoints, 'verify-dataset': verifyTokens } as const;
  return kinds[task.kind](task, tell, signal);
}

async function pull({ home, hub, name, step, options }: ErrandTask, tell: Tell, signal: AbortSignal): Promise<Result> {
  const model = findPythia(name);
  if (model === undefined || step === null) throw new NotFoundError(`the Pythia suite has no model "${name}"`);
  const notices: string[] = [];
  const rate = rateOfBytes();
  let last: PullProgress | undefined;
  const told = (progress: PullProgress, words: string): ErrandProgress => {
    const { numFilesDone, numFiles, doneBytes, totalBytes, fetchedBytes } = progress;
    const bytesPerSecond = rate(performance.now(), fetchedBytes);
    const secondsLeft = bytesPerSecond ? (totalBytes - doneBytes) / bytesPerSecond : null;
    const bytes = { doneBytes, totalBytes, bytesPerSecond, secondsLeft };
    return { unit: 'files', numDone: numFilesDone, numTotal: numFiles, ...bytes, words };
  };
  const onWait = (words: string) => tell(last === undefined ? { ...NOTHING_YET, words } : told(last, words));
  const pulled = await pullModel(home, clientOf(hub, RETRIES.pull, signal, onWait), model, step, {
    isForced: options.forceBadRevision === true,
    onNotice: (words) => void notices.push(words),
    onProgress: (progress) => {
      last = progress;
      tell(told(progress, progress.file));
    },
  });
  return { ...pulled, isRegistered: model.form === 'huggingface', notices };
}

const NO_BYTES = { doneBytes: null, totalBytes: null, bytesPerSecond: null, secondsLeft: null };
const NOTHING_YET = { unit: 'files', numDone: 0, numTotal: 0, ...NO_BYTES } as const;

async function verifyCheckpoints(
  { home, hub, name, step }: ErrandTask,
  tell: Tell,
  signal: AbortSignal,
): Promise<Result> {
  const model = findModel(home, name);
  const steps = step === null ? [...model.checkpoints.keys()] : [step];
  let numDone = 0;
  const onTensor = (at: number, _: number, total: number) => {
    signal.throwIfAborted();
    const numTotal = total * model.checkpoints.size;
    tell({ unit: 'tensors', numDone: ++numDone, numTotal, ...NO_BYTES, words: `step${at}` });
  };
  const client = hub.isOffline ? undefined : clientOf(hub, RETRIES.verify, signal, () => undefined);
  const reports = await verifyModel(model, steps, { client, onTensor });
  const findings = reports.flatMap(findingsOf);
  const checkpoints = reports.map(({ step: at, folder, sha256 }) => ({ checkpoint: `step${at}`, folder, sha256 }));
  return { isSound: isSound(findings), findings, checkpoints };
}

function findingsOf({ step, checks }: CheckpointReport): Finding[] {
  return checks.map(({ name: check, outcome, detail }) => ({ checkpoint: `step${step}`, check, outcome, detail }));
}

async function verifyTokens(
  { home, hub, name, options }: ErrandTask,
  tell: Tell,
  signal: AbortSignal,
): Promise<Result> {
  const description = await describeDataset(home, name);
  const access = { ...dataHeaders(description.prefix, hub), cacheFolder: datasetCacheFolder(home, name) };
  const onProgress = (numDone: number, numTotal: number, words: string) => {
    signal.throwIfAborted();
    const unit = words.startsWith('samples') ? 'samples' : 'index entries';
    tell({ unit, numDone, numTotal, ...NO_BYTES, words });
  };
  const { all, vocabSize } = options;
  const found = await foundOrFault(() =>
    verifyDataset(description, access, {
      isWhole: all === true,
      onProgress,
      ...(vocabSize !== undefined && { vocabSize }),
    }),
  );
  const finding = (check: string, outcome: Finding['outcome'], detail: string) => ({
    ...{ checkpoint: null, check, outcome, detail },
  });
  if (typeof found === 'string') return { isSound: false, findings: [finding('files', 'fault', found)] };
  const { numDocuments, numTokens, type, numSamplesRead, numSamples, highestToken } = found;
  const findings = [
    finding('files', 'ok', `${numDocuments} documents, ${numTokens} tokens of ${type}`),
    finding('token ids', 'ok', `${numSamplesRead} of ${numSamples} samples read, the highest id is ${highestToken}`),
  ];
  return { isSound: isSound(findings), findings };
}

/** What is wrong with the files is what was asked for, not a failure. */
async function foundOrFault<T>(verify: () => Promise<T>): Promise<T | string> {
  try {
    return await verify();
  } catch (error) {
    if (error instanceof DataError) return error.message;
    throw error;
  }
}

function isSound(findings: readonly Finding[]): boolean {
  return findings.every(({ outcome }) => outcome !== 'fault');
}

function clientOf(
  access: ErrandTask['hub'],
  retries: number,
  signal: AbortSignal,
  onWait: (words: string) => void,
): HubClient {
  const sleep = (ms: number) => wait(ms, undefined, { signal });
  return { access, retries, signal, sleep, onWait };
}
