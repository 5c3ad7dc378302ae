// Next-token cross-entropy straight from hidden states and the output embedding. The vocabulary is taken in blocks: the forward pass
// keeps a running log-sum-exp, the backward pass computes each block's logits once more, so that the N·V logits are never whole.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';
import { scatterRows } from './embedding.ts';
import { hasFused, runFused } from './fused.ts';
import { needFp32, type Precision } from './precision.ts';
import { vocabularyBlocks } from './vocabulary-blocks.ts';

/**
 * Mean of −log P(label) over the N rows, in nats; softmax over all V columns.
 * hidden [N, C], embedding [V, C], labels [N] int32 → scalar; the caller owns the result.
 */
export function crossEntropy(
  hidden: tf.Tensor2D,
  embedding: tf.Tensor2D,
  labels: tf.Tensor1D,
  precision: Precision = 'fp32',
): tf.Scalar {
  if (hasFused('CrossEntropy')) return fusedLoss(hidden, embedding, labels, precision);
  needFp32(precision);
  return customGradient([hidden, embedding], (save) => {
    const N = hidden.shape[0];
    const { logNormaliser, exponentials, total } = normalise(hidden, embedding);
    const labelLogitSum = tf.sum(tf.mul(hidden, tf.gather(embedding, labels)));
    const loss = tf.div(tf.sub(tf.sum(logNormaliser), labelLogitSum), N) as tf.Scalar;
    // Where one block is all, its probabilities are few and are kept: computing them again would cost a fifth of the loss.
    save([hidden, embedding, labels, exponentials ? tf.div(exponentials, total) : logNormaliser]);
    return { value: loss, gradient: (dy, saved) => crossEntropyGradient(dy, saved, exponentials !== undefined) };
  });
}

/** The same by a kernel that makes both gradients along with the loss, so that the backward pass forms no logits again. */
function fusedLoss(hidden: tf.Tensor2D, embedding: tf.Tensor2D, labels: tf.Tensor1D, precision: Precision): tf.Scalar {
  return customGradient([hidden, embedding], (save) => {
    const [value, ...gradients] = runFused('CrossEntropy', { hidden, embedding, labels }, { precision }) as [
      tf.Scalar,
      ...tf.Tensor[],
    ];
    save(gradients);
    return { value, gradient: (dy, saved) => saved.flatMap((x) => runFused('ScaleOwned', { x, factor: dy })) };
  });
}

/** log P(label) of each row in nats, without gradients: hidden [N, C], embedding [V, C], labels [N] → [N]. */
export function labelLogProbs(hidden: tf.Tensor2D, embedding: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  if (hasFused('LabelLogProbs')) return runFused('LabelLogProbs', { hidden, embedding, labels })[0] as tf.Tensor1D;
  return tf.tidy(() => {
    const { logNormaliser } = normalise(hidden, embedding);
    const labelLogits = tf.sum(tf.mul(hidden, tf.gather(embedding, labels)), 1);
    return tf.sub(labelLogits, logNormaliser) as tf.Tensor1D;
  });
}

interface Normaliser {
  /** log Σ exp(logits) of each row, [N]. */
  readonly logNormaliser: tf.Tensor1D;
  /** exp(logits − the row's largest), [N, V], where one block is all. */
  readonly exponentials?: tf.Tensor2D;
  /** Σ exp(logits − the row's largest), [N, 1]. */
  readonly total: tf.Tensor;
}

function normalise(hidden: tf.Tensor2D, embedding: tf.Tensor2D): Normaliser {
  const N = hidden.shape[0];
  const blocks = vocabularyBlocks(N, embedding.shape[0]);
  let running: tf.Tensor[] | undefined; // largest, total: [N, 1] each
  for (const block of blocks) {
    const next: tf.Tensor[] = tf.tidy(() => {
      const logits = blockLogits(hidden, rowsOf(embedding, block));
      const own = tf.max(logits, 1, true); // [N, 1]
      const largest = running === undefined ? own : tf.maximum(running[0]!, own);
      const exponentials = tf.exp(tf.sub(logits, largest));
      const sum = tf.sum(exponentials, 1, true); // [N, 1]
      if (running === undefined) return blocks.length === 1 ? [largest, sum, exponentials] : [largest, sum];
      const before = tf.mul(running[1]!, tf.exp(tf.sub(running[0]!, largest)));
      return [largest, tf.add(before, sum)];
    });
    if (running !== undefined) tf.dispose(running);
    running = next;
  }
  const [largest, total, exponentials] = running!; // a vocabulary has at least one block
  const logNormaliser = tf.reshape(tf.add(tf.log(total!), largest!), [N]) as tf.Tensor1D;
  return { logNormaliser, total: total!, ...(exponentials && { exponentials: exponentials as tf.Tensor2D }) };
}

/** Gradients of hidden states and embedding, from the probabilities where they are whole, else from the rows' log-normalisers. */
function crossEntropyGradient(dy: tf.Tensor, saved: tf.Tensor[], isWhole: boolean): [tf.Tensor, tf.Tensor] {
  const [hidden, embedding, labels, last] = saved as [tf.Tensor2D, tf.Tensor2D, tf.Tensor1D, tf.Tensor];
  const N = hidden.shape[0];
  const scaled = (gradient: tf.Tensor) => tf.mul(tf.div(gradient, N), dy);
  const hiddenT = tf.transpose(hidden); // [C, N]
  const labelSums = scatterRows(labels, hidden, embedding.shape); // [V, C]
  let sums: tf.Tensor2D | undefined; // Σ probability · embedding, [N, C]
  const dEmbedding: tf.Tensor[] = [];
  for (const block of vocabularyBlocks(N, embedding.shape[0])) {
    const [sum, piece]: [tf.Tensor2D, tf.Tensor] = tf.tidy(() => {
      const rows = rowsOf(embedding, block); // [size, C]
      const probabilities = isWhole
        ? (last as tf.Tensor2D)
        : tf.tidy(() => tf.exp(tf.sub(blockLogits(hidden, rows), tf.reshape(last, [N, 1]))));
      const product = tf.matMul(probabilities, rows);
      const turned: tf.Tensor2D = tf.matMul(hiddenT, probabilities);
      const ofRows = tf.transpose(turned); // narrower to turn than probabilities
      return [
        sums === undefined ? product : tf.add(sums, product),
        scaled(tf.sub(ofRows, rowsOf(labelSums, block))),
      ] as [tf.Tensor2D, tf.Tensor];
    });
    sums?.dispose();
    sums = sum;
    dEmbedding.push(piece);
  }
  labelSums.dispose();
  const dHidden = scaled(tf.sub(sums!, tf.gather(embedding, labels)));
  return [dHidden, dEmbedding.length === 1 ? dEmbedding[0]! : tf.concat(dEmbedding)];
}

/** hidden [N, C], rows of the embedding [size, C] → [N, size]. */
function blockLogits(hidden: tf.Tensor2D, rows: tf.Tensor2D): tf.Tensor2D {
  return tf.tidy(() => tf.matMul(hidden, tf.transpose(rows)));
}

function rowsOf(table: tf.Tensor2D, { begin, size }: { begin: number; size: number }): tf.Tensor2D {
  return size === table.shape[0] ? table : tf.slice(table, [begin, 0], [size, table.shape[1]]);
}
