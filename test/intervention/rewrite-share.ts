// Every n-th of some documents, rewritten; run as a thread it posts the result.
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { rewrite, type Rewritten } from '../../augmentation/rewrite.ts';
import { drawForName } from '../../src/intervention/draw.ts';

export interface Share {
  readonly documents: readonly string[];
  readonly first: number;
  readonly every: number;
  readonly seed: number;
}

export function rewriteShare({ documents, first, every, seed }: Share): Rewritten[] {
  const results: Rewritten[] = [];
  for (let id = first; id < documents.length; id += every)
    results.push(
      rewrite(documents[id] ?? '', {
        policy: 'morph-v1',
        direction: 'balanced',
        chance: () => drawForName(seed, `d${id}`),
        occurrences: { probability: 0.7, draw: (index) => drawForName(seed, `${index} d${id}`) },
      }),
    );
  return results;
}

const share = workerData as Share | undefined;
if (!isMainThread && share?.documents !== undefined) parentPort?.postMessage(rewriteShare(share));
