// What each function of src/tensor and the whole model should compute, as plain float64 loops, and gradients of those loops by finite
// differences. Nothing here shares code with what it judges.

/** Row-major values; every input of a test is exact in fp32, so that both sides start from the same numbers. */
export type Values = Float64Array;

/** Normally distributed values, rounded to fp32; the same for the same seed. */
export function randomValues(count: number, seed: number, scale = 1): Values {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return Float64Array.from({ length: count }, () => Math.fround(scale * normal()));
}

const STEP = 1e-5; // central differences: their own error is about STEP² and 1e-16/STEP, far below fp32's

/** Gradient of Σ dy·f(inputs) with respect to one of the inputs, by central differences. */
export function finiteDifferences(
  f: (inputs: Values[]) => Values,
  inputs: Values[],
  which: number,
  dy: Values,
): Values {
  return inputs[which]!.map((old, place) => {
    const at = (value: number) => {
      const moved = inputs.map((input) => input.slice());
      moved[which]![place] = value;
      return dot(dy, f(moved));
    };
    return (at(old + STEP) - at(old - STEP)) / (2 * STEP);
  });
}

export function dot(a: Values, b: Values): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

export function mean(values: Values): number {
  return values.reduce((a, b) => a + b) / values.length;
}

/** a [n, rows, inner] × b [n, inner, columns]; a transposed operand is stored with its last two dimensions swapped. */
export function product(
  a: Values,
  b: Values,
  [n, rows, inner, columns]: readonly [number, number, number, number],
  transposeA = false,
  transposeB = false,
): Values {
  const out = new Float64Array(n * rows * columns);
  for (let m = 0; m < n; m++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let k = 0; k < inner; k++) {
          const left = a[m * rows * inner + (transposeA ? k * rows + i : i * inner + k)]!;
          const right = b[m * inner * columns + (transposeB ? j * inner + k : k * columns + j)]!;
          out[(m * rows + i) * columns + j]! += left * right;
        }
  return out;
}

/** x [N, in], weight [out, in], bias [out] → [N, out]. */
export function linear([x, weight, bias]: Values[], numRows: number): Values {
  const outSize = bias!.length;
  const y = product(x!, weight!, [1, numRows, x!.length / numRows, outSize], false, true);
  return y.map((value, i) => value + bias![i % outSize]!);
}

/** x [N, C], weight [C], bias [C] → [N, C]. */
export function layerNorm([x, weight, bias]: Values[], epsilon: number): Values {
  const C = weight!.length;
  const y = new Float64Array(x!.length);
  for (let row = 0; row < x!.length; row += C) {
    const values = x!.subarray(row, row + C);
    const mean = values.reduce((a, b) => a + b) / C;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / C;
    for (let i = 0; i < C; i++)
      y[row + i] = ((values[i]! - mean) / Math.sqrt(variance + epsilon)) * weight![i]! + bias![i]!;
  }
  return y;
}

export function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(0.79788456 * x * (1 + 0.044715 * x * x)));
}

export function geluErf(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** The error function by its Taylor series, which converges everywhere; |x| < 5 keeps cancellation below 1e-6. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x); // 1 − erf(5) = 1.5e-12
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export interface AttentionSizes {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly D: number;
  readonly R: number;
  readonly base: number;
}

/** qkv [B·T, H·3·D] → [B·T, H·D]: rotary on the first R of D dimensions of q and k, causal softmax, weighted values. */
export function causalAttention(qkv: Values, sizes: AttentionSizes): Values {
  const { B, T, H, D } = sizes;
  const out = new Float64Array(B * T * H * D);
  const part = (b: number, t: number, h: number, p: number) => {
    const begin = ((b * T + t) * H + h) * 3 * D + p * D;
    return qkv.subarray(begin, begin + D);
  };
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let t = 0; t < T; t++) {
        const q = rotated(part(b, t, h, 0), t, sizes);
        const logits = Array.from(
          { length: t + 1 },
          (_, s) => dot(q, rotated(part(b, s, h, 1), s, sizes)) / Math.sqrt(D),
        );
        const weights = softmax(logits);
        for (let s = 0; s <= t; s++)
          for (let c = 0; c < D; c++) out[((b * T + t) * H + h) * D + c]! += weights[s]! * part(b, s, h, 2)[c]!;
      }
  return out;
}

function rotated(x: Values, position: number, { R, base }: AttentionSizes): Values {
  const y = x.slice();
  const half = R / 2;
  for (let j = 0; j < half; j++) {
    const angle = position / base ** ((2 * j) / R);
    y[j] = x[j]! * Math.cos(angle) - x[half + j]! * Math.sin(angle);
    y[half + j] = x[half + j]! * Math.cos(angle) + x[j]! * Math.sin(angle);
  }
  return y;
}

function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const exponentials = logits.map((logit) => Math.exp(logit - largest));
  const total = exponentials.reduce((a, b) => a + b);
  return exponentials.map((value) => value / total);
}

/** log P(label) of each row in nats: hidden [N, C], embedding [V, C]. */
export function labelLogProbs([hidden, embedding]: Values[], labels: Int32Array): Values {
  const C = hidden!.length / labels.length;
  const V = embedding!.length / C;
  const logits = new Float64Array(V);
  return Float64Array.from(labels, (label, row) => {
    let largest = -Infinity;
    for (let v = 0; v < V; v++) {
      let logit = 0;
      for (let c = 0; c < C; c++) logit += hidden![row * C + c]! * embedding![v * C + c]!;
      logits[v] = logit;
      largest = Math.max(largest, logit);
    }
    let total = 0;
    for (let v = 0; v < V; v++) total += Math.exp(logits[v]! - largest);
    return logits[label]! - largest - Math.log(total);
  });
}

export interface ModelSizes extends AttentionSizes {
  readonly L: number;
}

/** The mean loss of a model in nats, [1]; parameters in file order, ids and labels [B·T]. Layer norms take epsilon 1e-5; GELU is the tanh form. */
export function meanLoss(parameters: Values[], sizes: ModelSizes, ids: Int32Array, labels: Int32Array): Values {
  const [embedIn, ...rest] = parameters;
  const embedOut = rest.pop()!;
  const C = sizes.H * sizes.D;
  const N = ids.length;
  const norm = (h: Values, weights: Values[]) => layerNorm([h, ...weights], 1e-5);
  let h = Float64Array.from({ length: N * C }, (_, i) => embedIn![ids[Math.floor(i / C)]! * C + (i % C)]!);
  for (let i = 0; i < sizes.L; i++) {
    const [n1, m1, n2, m2, ...matrices] = rest.splice(0, 12);
    const [qkv, qkvBias, dense, denseBias, up, upBias, down, downBias] = matrices;
    const attended = causalAttention(linear([norm(h, [n1!, m1!]), qkv!, qkvBias!], N), sizes);
    const wide = linear([norm(h, [n2!, m2!]), up!, upBias!], N).map(geluTanh);
    const parts = [linear([attended, dense!, denseBias!], N), linear([wide, down!, downBias!], N)];
    h = h.map((value, j) => value + parts[0]![j]! + parts[1]![j]!);
  }
  return Float64Array.of(-mean(labelLogProbs([norm(h, rest), embedOut], labels)));
}

/** The sum of the rows that share an id: ids [N], rows [N, C] → [V, C]. */
export function scatterRows(ids: Int32Array, rows: Values, numRows: number): Values {
  const C = rows.length / ids.length;
  const out = new Float64Array(numRows * C);
  rows.forEach((value, i) => (out[ids[Math.floor(i / C)]! * C + (i % C)]! += value));
  return out;
}
