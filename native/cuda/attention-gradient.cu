// The gradient of causal rotary attention: weights are computed again from the kept log-sum-exp, block of queries by block. Blocks go from the last to the
// first, because the last sees all keys and so lays down their gradients, to which the others add.
#include "attention.h"

namespace {

using namespace gpu;

/** logits → probabilities, dWeights → gradients of the logits, both as factors in rooms of theirs; `means` [heads, T]. */
template <typename Value>
void rowGradients(const Heads& heads, float* logits, float* dWeights, Value* weights, Value* dLogits, i64 first, i64 rows, i64 keys, const float* logSumExp,
                  const float* means) {
  const i64 T = heads.T;
  rowByRow(heads.numHeads() * rows, keys, [=] __device__(i64 row) {
    const i64 r = row % rows, seen = first + r + 1, place = row / rows * T + first + r;
    float *x = logits + row * keys, *d = dWeights + row * keys;
    const float normaliser = logSumExp[place], mean = means[place];
    float sum = 0;
    for (i64 j = threadIdx.x; j < seen; j += blockDim.x) {
      x[j] = expf(x[j] - normaliser);
      d[j] = x[j] * (d[j] - mean);
      sum += d[j];
    }
    sum = acrossBlock(sum, Sum());
    // A row sums to zero. What rounding leaves is taken out once more: of it, too, the gradient of the keys' bias would be made where rotary does not turn.
    for (i64 j = threadIdx.x; j < keys; j += blockDim.x) {
      const float weight = j < seen ? x[j] : 0.0f;
      store(j < seen ? d[j] - weight * sum : 0.0f, dLogits + row * keys + j);
      store(weight, weights + row * keys + j);
    }
  });
}

/** Σ dAttended·attended of each row: what the weights' gradients are on average. [B·T, H·D] → [heads, T] */
void meanGradients(const Heads& heads, const float* dAttended, const float* attended, float* means) {
  const i64 T = heads.T, D = heads.D;
  rowByRow(heads.numHeads() * T, D, [=] __device__(i64 row) {
    const i64 offset = heads.placeOf(row * D).attended;
    float sum = 0;
    for (i64 j = threadIdx.x; j < D; j += blockDim.x) sum += dAttended[offset + j] * attended[offset + j];
    sum = acrossBlock(sum, Sum());
    if (threadIdx.x == 0) means[row] = sum;
  });
}

/**
 * Where rotary does not turn, the keys' gradients of a head sum to zero over the positions. What rounding has left of that sum is spread over them, and the
 * rounding of each is carried to the next, so that the sum is zero to one rounding.
 */
void cancelSums(const Heads& heads, float* dK) {
  const i64 T = heads.T, D = heads.D, R = heads.R, width = D - R;
  each(heads.numHeads() * width, [=] __device__(i64 i) {
    float* column = dK + i / width * T * D + R + i % width;
    double mean = 0, carried = 0;
    for (i64 t = 0; t < T; t++) mean += column[t * D];
    mean /= T;
    for (i64 t = 0; t < T; t++) {
      const double exact = column[t * D] - mean + carried;
      column[t * D] = static_cast<float>(exact);
      carried = exact - column[t * D];
    }
  });
}

/** Gradients of queries, keys and values [heads, T, D], the first two turned back → dQkv. */
void putBack(const Heads& heads, const float* dQ, const float* dK, const float* dV, const float* cos, const float* sin, float* dQkv) {
  const float factor = heads.factor();
  each(heads.numValues(), [=] __device__(i64 i) {
    const Heads::Place place = heads.placeOf(i);
    const float *c = cos + place.t * heads.D, *s = sin + place.t * heads.D;
    float* dx = dQkv + place.qkv;
    dx[0] = turned(dQ + i - place.j, place.j, heads.R, c, s, -1) * factor;
    dx[heads.D] = turned(dK + i - place.j, place.j, heads.R, c, s, -1);
    dx[2 * heads.D] = dV[i];
  });
}

/** in: dAttended, qkv, attended, log-sum-exp, cos, sin; out: dQkv. */
template <typename Value>
void gradient(const Arguments& a) {
  const Heads heads(a);
  const i64 T = heads.T, D = heads.D, step = T * D, n = heads.numHeads(), all = n * step, most = heads.queriesAtOnce(), block = n * most * T;
  const Scratch factors(sizeof(Value) * (4 * all + roomOf<Value>(2 * block))), blocks(4 * 2 * block), sums(4 * (3 * all + n * T));
  Value *q = factors.as<Value>(), *k = q + all, *v = k + all, *dOut = v + all;
  float *logits = blocks.as<float>(), *dWeights = logits + block;
  Value *weights = placeOf(logits, dOut + all), *dLogits = placeOf(dWeights, dOut + all + block);
  float *dQ = sums.as<float>(), *dK = dQ + all, *dV = dK + all, *means = dV + all;
  const float* dAttended = floats(a, 0);
  takeOut(heads, floats(a, 1), floats(a, 4), floats(a, 5), q, k, v);
  each(all, [=] __device__(i64 i) { store(dAttended[heads.placeOf(i).attended], dOut + i); });
  meanGradients(heads, dAttended, floats(a, 2), means);
  for (i64 first = (T - 1) / most * most; first >= 0; first -= most) {
    const i64 rows = std::min(most, T - first), keys = first + rows;
    const bool adds = keys < T;
    const MatrixOf<Value> queries{q + first * D, false, D, step}, own{dOut + first * D, false, D, step};
    multiply<Value>(rows, keys, D, queries, {k, true, D, step}, {logits, keys, rows * keys}, false, n);
    multiply<Value>(rows, keys, D, own, {v, true, D, step}, {dWeights, keys, rows * keys}, false, n);
    rowGradients(heads, logits, dWeights, weights, dLogits, first, rows, keys, floats(a, 3), means);
    multiply<Value>(rows, D, keys, {dLogits, false, keys, rows * keys}, {k, false, D, step}, {dQ + first * D, D, step}, false, n);
    multiply<Value>(keys, D, rows, {dLogits, true, keys, rows * keys}, queries, {dK, D, step}, adds, n);
    multiply<Value>(keys, D, rows, {weights, true, keys, rows * keys}, own, {dV, D, step}, adds, n);
  }
  cancelSums(heads, dK);
  putBack(heads, dQ, dK, dV, floats(a, 4), floats(a, 5), result(a, 0));
}

} // namespace

namespace gpu {

void attentionGradient(const Arguments& a) {
  if (isHalf(a, 5)) gradient<bf16>(a);
  else gradient<float>(a);
}

} // namespace gpu
