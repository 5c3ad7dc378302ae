// Causal rotary self-attention from the fused qkv of GPT-NeoX: inside each head the order is q, k, v; rotary embeddings turn
// the first rotary dimensions of q and k by halves (not by interleaved pairs).
import * as tf from '@tensorflow/tfjs-core';
import { chain } from './chain.ts';
import { customGradient } from './custom-gradient.ts';
import { hasFused, runFused } from './fused.ts';
import { needFp32, type Precision } from './precision.ts';

/** Constants of one sequence length, shared by all layers of a forward pass. The maker disposes them (or tidies). */
export interface AttentionTables {
  readonly cos: tf.Tensor2D; // [T, D], 1 beyond the rotary dimensions
  readonly sin: tf.Tensor2D; // [T, D], 0 beyond the rotary dimensions
  readonly rotateHalf: tf.Tensor2D; // [D, D]: x·rotateHalf = [−x₂ ‖ x₁ ‖ 0]
  readonly mask: tf.Tensor2D; // [T, T]: 0 where a position may look, a large negative number where not
  /** How many leading dimensions of a head are turned. */
  readonly rotated: number;
}

export interface AttentionShape {
  readonly batch: number; // B
  readonly length: number; // T
  readonly heads: number; // H
  readonly headSize: number; // D
}

/** qkv [B·T, 3·C] → attended values [B·T, C], before the output projection; the caller owns the result. */
export function causalAttention(
  qkv: tf.Tensor2D,
  shape: AttentionShape,
  tables: AttentionTables,
  precision: Precision = 'fp32',
): tf.Tensor2D {
  if (hasFused('CausalAttention')) return fusedAttention(qkv, shape, tables, precision);
  needFp32(precision);
  return customGradient([qkv], (save) => {
    const { batch: B, length: T, heads: H, headSize: D } = shape;
    const [q, k, v] = splitHeads(qkv, shape, tables);
    const products = (x: tf.Tensor) => tf.matMul(x, k, false, true); // [B·H, T, T]
    const scaled = (x: tf.Tensor) => tf.mul(x, 1 / Math.sqrt(D));
    const masked = (x: tf.Tensor) => tf.add(x, tables.mask);
    const softmax = (x: tf.Tensor) => tf.softmax(x);
    const weights = chain<tf.Tensor>(q, products, scaled, masked, softmax) as tf.Tensor3D; // [B·H, T, T]
    const values = tf.matMul(weights, v); // [B·H, T, D]
    save([q, k, v, weights, tables.cos, tables.sin, tables.rotateHalf]);
    const value = tf.reshape(tf.transpose(tf.reshape(values, [B, H, T, D]), [0, 2, 1, 3]), [B * T, H * D]);
    return { value: value as tf.Tensor2D, gradient: (dy, saved) => [attentionGradient(dy, saved, shape)] };
  });
}

/** The same by a kernel that keeps no T × T matrix: its gradient computes the weights again from each row's log-sum-exp. */
function fusedAttention(
  qkv: tf.Tensor2D,
  shape: AttentionShape,
  { cos, sin, rotated }: AttentionTables,
  precision: Precision,
): tf.Tensor2D {
  return customGradient([qkv], (save) => {
    const attributes = { ...shape, rotated, precision };
    const [value, logSumExp] = runFused('CausalAttention', { qkv, cos, sin }, attributes) as [tf.Tensor2D, tf.Tensor];
    save([qkv, value, logSumExp, cos, sin]);
    const gradient = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const [qkv, attended, logSumExp, cos, sin] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
      return runFused('CausalAttentionGradient', { dy, qkv, attended, logSumExp, cos, sin }, attributes);
    };
    return { value, gradient };
  });
}

/** Queries and keys, both turned, and values of a fused qkv [B·T, 3·C]: [B·H, T, D] each, owned by the caller. */
export function splitHeads(
  qkv: tf.Tensor2D,
  { batch: B, length: T, heads: H, headSize: D }: AttentionShape,
  tables: AttentionTables,
): [tf.Tensor3D, tf.Tensor3D, tf.Tensor3D] {
  return tf.tidy(() => {
    const byHead = tf.transpose(tf.reshape(qkv, [B, T, H * 3, D]), [0, 2, 1, 3]); // [B, H·3, T, D]
    const [q, k, v] = tf.unstack(tf.reshape(byHead, [B * H, 3, T, D]), 1) as tf.Tensor3D[];
    return [rotate(q!, tables), rotate(k!, tables), v!];
  });
}

/** x∘cos + rotateHalf(x)∘sin on [B·H, T, D]; the half turn is a product with a signed permutation, exact in fp32. */
function rotate(x: tf.Tensor3D, { cos, sin, rotateHalf }: AttentionTables): tf.Tensor3D {
  return tf.tidy(() => {
    const turned = tf.reshape(tf.matMul(tf.reshape(x, [-1, x.shape[2]]), rotateHalf), x.shape);
    return tf.add(tf.mul(x, cos), tf.mul(turned, sin));
  });
}

function rotateBack(dx: tf.Tensor3D, cos: tf.Tensor, sin: tf.Tensor, rotateHalf: tf.Tensor): tf.Tensor3D {
  return tf.tidy(() => {
    const turned = tf.matMul(tf.reshape(tf.mul(dx, sin), [-1, dx.shape[2]]), tf.transpose(rotateHalf as tf.Tensor2D));
    return tf.add(tf.mul(dx, cos), tf.reshape(turned, dx.shape));
  });
}

function attentionGradient(dy: tf.Tensor2D, saved: tf.Tensor[], shape: AttentionShape): tf.Tensor {
  const { batch: B, length: T, heads: H, headSize: D } = shape;
  const [q, k, v, weights] = saved as tf.Tensor3D[];
  const [cos, sin, rotateHalf] = saved.slice(4);
  const dValues = tf.reshape(tf.transpose(tf.reshape(dy, [B, T, H, D]), [0, 2, 1, 3]), [B * H, T, D]) as tf.Tensor3D;
  const dV = tf.matMul(weights!, dValues, true, false); // [B·H, T, D]
  const dWeights: tf.Tensor = tf.matMul(dValues, v!, false, true); // [B·H, T, T]
  const meanGradient = tf.tidy(() => tf.sum(tf.mul(dWeights, weights!), 2, true)); // [B·H, T, 1]
  const raw = chain(
    dWeights,
    (x) => tf.sub(x, meanGradient),
    (x) => tf.mul(weights!, x),
  );
  dWeights.dispose();
  // A row of dLogits sums to zero. What rounding leaves of its sum is taken out once more: the gradient of the keys' bias is
  // made of nothing else where rotary does not turn, and Adam would blow it up to full steps.
  const levelled = (x: tf.Tensor) => tf.sub(x, tf.mul(weights!, tf.sum(x, 2, true)));
  const dLogits = chain(raw, levelled, (x) => tf.mul(x, 1 / Math.sqrt(D))) as tf.Tensor3D;
  raw.dispose();
  const dQ = rotateBack(tf.matMul(dLogits, k!), cos!, sin!, rotateHalf!);
  const dK = rotateBack(tf.matMul(dLogits, q!, true, false), cos!, sin!, rotateHalf!);
  const byHead = tf.reshape(tf.stack([dQ, dK, dV], 1), [B, H * 3, T, D]);
  return tf.reshape(tf.transpose(byHead, [0, 2, 1, 3]), [B * T, 3 * H * D]);
}
