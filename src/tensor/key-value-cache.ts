// Keys, already turned, and values of the tokens read so far, layer by layer, so that a further token costs one token's work. They
// lie in pieces: the prompt's, then one of up to PIECE tokens after the other. Only the last piece grows; joining all at each token
// would copy the whole cache.
import * as tf from '@tensorflow/tfjs-core';
import { causalAttention, splitHeads, type AttentionShape, type AttentionTables } from './attention.ts';

/** Tokens of a piece that is full. */
const PIECE = 32;

interface Piece {
  readonly keys: tf.Tensor3D; // [B·H, t, D]
  readonly values: tf.Tensor3D; // [B·H, t, D]
}

/** Holds tensors until it is disposed; all rows have read equally many tokens. No gradients. */
export class KeyValueCache {
  readonly #layers: Piece[][];

  constructor(numLayers: number) {
    this.#layers = Array.from({ length: numLayers }, () => []);
  }

  /** Attention of the first tokens of each row: qkv [B·T, 3·C] → [B·T, C], owned by the caller. */
  readPrompt(layer: number, qkv: tf.Tensor2D, shape: AttentionShape, tables: AttentionTables): tf.Tensor2D {
    const pieces = this.#layers[layer]!;
    if (pieces.length > 0) throw new Error(`bug: layer ${layer} has read its prompt`);
    const [queries, keys, values] = splitHeads(qkv, shape, tables);
    queries.dispose();
    pieces.push({ keys: tf.keep(keys), values: tf.keep(values) });
    return causalAttention(qkv, shape, tables);
  }

  /** Attention of one further token of each row to all before it and itself: qkv [B, 3·C] → [B, C], owned by the caller. */
  readToken(layer: number, qkv: tf.Tensor2D, shape: AttentionShape, tables: AttentionTables): tf.Tensor2D {
    const pieces = this.#layers[layer]!;
    return tf.tidy(() => {
      const [queries, keys, values] = splitHeads(qkv, { ...shape, length: 1 }, tables); // [B·H, 1, D]
      append(pieces, { keys, values });
      const products = pieces.map((piece) => tf.matMul(queries, piece.keys, false, true)); // [B·H, 1, t] each
      const weights = tf.softmax(tf.mul(tf.concat(products, 2), 1 / Math.sqrt(shape.headSize))); // [B·H, 1, Σt]
      let begin = 0;
      const attended = pieces.map((piece) => {
        const t = piece.keys.shape[1];
        const own = tf.slice(weights, [0, 0, begin], [-1, 1, t]);
        begin += t;
        return tf.matMul(own, piece.values); // [B·H, 1, D]
      });
      const sum = attended.reduce((total, part) => tf.add(total, part));
      return tf.reshape(sum, [shape.batch, shape.heads * shape.headSize]) as tf.Tensor2D;
    });
  }

  /** Forgets all rows but these, which keep this order. `numRows` is how many there are. */
  keepRows(rows: Int32Array, numRows: number): void {
    const chosen = tf.tensor1d(rows, 'int32');
    for (const pieces of this.#layers) {
      pieces.forEach((piece, i) => {
        const pick = (x: tf.Tensor3D) => {
          const [heads, t, D] = [x.shape[0] / numRows, x.shape[1], x.shape[2]];
          return tf.tidy(() =>
            tf.reshape(tf.gather(tf.reshape(x, [numRows, heads * t * D]), chosen), [rows.length * heads, t, D]),
          ) as tf.Tensor3D;
        };
        replace(pieces, i, { keys: pick(piece.keys), values: pick(piece.values) });
      });
    }
    chosen.dispose();
  }

  dispose(): void {
    for (const pieces of this.#layers) {
      for (const { keys, values } of pieces) tf.dispose([keys, values]);
      pieces.length = 0;
    }
  }
}

function append(pieces: Piece[], token: Piece): void {
  const last = pieces.length - 1;
  // The first piece is the prompt's, whatever its length.
  if (last < 1 || pieces[last]!.keys.shape[1] >= PIECE) {
    pieces.push({ keys: tf.keep(token.keys), values: tf.keep(token.values) });
    return;
  }
  const { keys, values } = pieces[last]!;
  replace(pieces, last, { keys: tf.concat([keys, token.keys], 1), values: tf.concat([values, token.values], 1) });
}

function replace(pieces: Piece[], place: number, piece: Piece): void {
  const { keys, values } = pieces[place]!;
  tf.dispose([keys, values]);
  pieces[place] = { keys: tf.keep(piece.keys), values: tf.keep(piece.values) };
}
