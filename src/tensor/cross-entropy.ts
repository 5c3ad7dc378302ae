// Next-token cross-entropy straight from hidden states and the output embedding. Rows are taken in blocks, and the gradient
// is formed in the forward pass, so that at most one block of logits is alive.
import * as tf from '@tensorflow/tfjs-core';
import { customGradient } from './custom-gradient.ts';
import { scatterRows } from './embedding.ts';

/** Most logits alive at once: 16 M values = 64 MB. */
const MAX_BLOCK_LOGITS = 16 * 1024 * 1024;

/**
 * Mean of −log P(label) over the N rows, in nats; softmax over all V columns.
 * hidden [N, C], embedding [V, C], labels [N] int32 → scalar; the caller owns the result.
 */
export function crossEntropy(hidden: tf.Tensor2D, embedding: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return customGradient([hidden, embedding], (save) => {
    const [N, C] = hidden.shape;
    const embeddingT = tf.transpose(embedding); // [C, V]
    const labelRows = tf.gather(embedding, labels); // [N, C]
    const blocks = rowBlocks(N, embedding.shape[0]).map(([begin, size]) => {
      const h = tf.slice(hidden, [begin, 0], [size, C]);
      const { probabilities, logNormaliser } = softmaxBlock(h, embeddingT);
      return {
        logNormaliserSum: tf.sum(logNormaliser),
        dHidden: tf.matMul(probabilities, embedding), // [size, C]
        dEmbeddingT: tf.matMul(tf.transpose(h), probabilities), // [C, V]
      };
    });
    const labelLogitSum = tf.sum(tf.mul(hidden, labelRows));
    const loss = tf.div(tf.sub(tf.addN(blocks.map((b) => b.logNormaliserSum)), labelLogitSum), N) as tf.Scalar;
    const dHidden = tf.div(tf.sub(tf.concat(blocks.map((b) => b.dHidden)), labelRows), N);
    const dEmbedding = tf.div(
      tf.sub(tf.transpose(tf.addN(blocks.map((b) => b.dEmbeddingT))), scatterRows(labels, hidden, embedding.shape)),
      N,
    );
    save([dHidden, dEmbedding]);
    return { value: loss, gradient: (dy, saved) => saved.map((gradient) => tf.mul(gradient, dy)) };
  });
}

/** log P(label) of each row in nats, without gradients: hidden [N, C], embedding [V, C], labels [N] → [N]. */
export function labelLogProbs(hidden: tf.Tensor2D, embedding: tf.Tensor2D, labels: tf.Tensor1D): tf.Tensor1D {
  return tf.tidy(() => {
    const [N, C] = hidden.shape;
    const embeddingT = tf.transpose(embedding);
    const labelLogits = tf.sum(tf.mul(hidden, tf.gather(embedding, labels)), 1);
    const logNormalisers = rowBlocks(N, embedding.shape[0]).map(([begin, size]) =>
      tf.tidy(() => softmaxBlock(tf.slice(hidden, [begin, 0], [size, C]), embeddingT).logNormaliser),
    );
    return tf.sub(labelLogits, tf.concat(logNormalisers)) as tf.Tensor1D;
  });
}

function rowBlocks(numRows: number, vocabSize: number): [begin: number, size: number][] {
  const blockRows = Math.max(1, Math.floor(MAX_BLOCK_LOGITS / vocabSize));
  const blocks: [number, number][] = [];
  for (let begin = 0; begin < numRows; begin += blockRows) blocks.push([begin, Math.min(blockRows, numRows - begin)]);
  return blocks;
}

function softmaxBlock(
  h: tf.Tensor2D,
  embeddingT: tf.Tensor2D,
): { probabilities: tf.Tensor2D; logNormaliser: tf.Tensor1D } {
  const logits = tf.matMul(h, embeddingT); // [rows, V]
  const largest = tf.max(logits, 1, true); // [rows, 1]
  const exponentials = tf.exp(tf.sub(logits, largest));
  const total = tf.sum(exponentials, 1, true); // [rows, 1]
  return {
    probabilities: tf.div(exponentials, total),
    logNormaliser: tf.reshape(tf.add(tf.log(total), largest), [h.shape[0]]),
  };
}
