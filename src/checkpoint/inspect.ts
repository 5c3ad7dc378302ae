// What the weights of a folder are, without keeping them: names, shapes, values that are no numbers, and a digest to tell revisions apart.
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { ModelConfig } from '../model/config.ts';
import { parameterShapes } from '../model/parameters.ts';
import { bytesOf, piecesOf } from './stored-tensor.ts';
import { openWeights, pickParameters } from './weights.ts';

export interface WeightInspection {
  /**
   * SHA-256 of all parameters as little-endian fp32, in the order of parameterShapes, as 64 hex digits: the same for one file and for shards, and for fp16
   * numbers and the same ones widened.
   */
  readonly sha256: string;
  /** In the order of parameterShapes. */
  readonly tensors: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    /** Values that are infinite or not a number. */
    readonly numNonFinite: number;
  }[];
  readonly numNonFinite: number;
}

/**
 * Reads the weights of a model folder once through, a few megabytes in memory; `onTensor` is told how many of how many parameters are done.
 * Throws DataError naming the file that is missing or damaged, and the tensor that is missing, foreign or of another shape than `config` says.
 */
export async function inspectWeights(
  folder: string,
  config: ModelConfig,
  onTensor?: (done: number, total: number) => void,
): Promise<WeightInspection> {
  const { tensors, path, close } = openWeights(folder);
  try {
    const parameters = pickParameters(tensors, path, parameterShapes(config));
    const hash = createHash('sha256');
    const inspected: { name: string; shape: readonly number[]; numNonFinite: number }[] = [];
    for (const [name, tensor] of parameters) {
      let numNonFinite = 0;
      for (const piece of piecesOf(tensor)) {
        for (const value of piece) if (!Number.isFinite(value)) numNonFinite += 1;
        hash.update(bytesOf(piece));
        await setImmediate(); // others may have their turn
      }
      inspected.push({ name, shape: tensor.shape, numNonFinite });
      onTensor?.(inspected.length, parameters.size);
    }
    const numNonFinite = inspected.reduce((sum, tensor) => sum + tensor.numNonFinite, 0);
    return { sha256: hash.digest('hex'), tensors: inspected, numNonFinite };
  } finally {
    close();
  }
}
