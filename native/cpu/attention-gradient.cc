// The gradient of causal rotary attention: weights are computed again from the kept log-sum-exp, block of queries by block. Blocks go from the last to the
// first, because the last sees all keys and so lays down their gradients, to which the others add.
#include "attention.h"
#include <omp.h>

namespace {

/** logits → probabilities, dWeights → gradients of the logits, both as factors in rooms of theirs; pass by pass, as softmaxRows. */
template <typename Value>
void rowGradients(float* logits, float* dWeights, Value* weights, Value* dLogits, i64 first, i64 rows, i64 stride, const float* logSumExp,
                  const float* meanGradients) {
  float sums[QUERY_BLOCK];
  for (i64 r = 0; r < rows; r++) {
    const i64 seen = first + r + 1, reach = wholeLanes(seen);
    for (i64 j = seen; j < reach; j++) {
      logits[r * stride + j] = -INFINITY;
      dWeights[r * stride + j] = 0;
    }
  }
  for (i64 r = 0; r < rows; r++) {
    float *x = logits + r * stride, *d = dWeights + r * stride;
    const i64 reach = wholeLanes(first + r + 1);
    const float normaliser = logSumExp[first + r], mean = meanGradients[r];
    Lanes sum = {};
    for (i64 j = 0; j < reach; j += WIDTH) {
      const Lanes p = exponential(lanesAt(x + j) - normaliser), gradient = p * (lanesAt(d + j) - mean);
      storeLanes(p, x + j);
      storeLanes(gradient, d + j);
      sum += gradient;
    }
    sums[r] = sumOf(sum);
  }
  // A row sums to zero. What rounding leaves is taken out once more: of it, too, the gradient of the keys' bias would be made where rotary does not turn.
  for (i64 r = 0; r < rows; r++) {
    const float *x = logits + r * stride, *d = dWeights + r * stride, sum = sums[r];
    Value *p = weights + r * stride, *out = dLogits + r * stride;
    const i64 reach = wholeLanes(first + r + 1);
    for (i64 j = 0; j < reach; j += WIDTH) {
      storeLanes(lanesAt(d + j) - lanesAt(x + j) * sum, out + j);
      storeLanes(lanesAt(x + j), p + j);
    }
    memset(p + reach, 0, (stride - reach) * sizeof(Value));
    memset(out + reach, 0, (stride - reach) * sizeof(Value));
  }
}

/** Σ dAttended·attended of each row: what the weights' gradients are on average. */
void meanGradients(const float* dAttended, const float* attended, i64 rows, i64 stride, i64 D, float* means) {
  for (i64 r = 0; r < rows; r++) {
    means[r] = sumOver(D, [&](Stretch at) LANES_WORK { return lanesAt(dAttended + r * stride, at) * lanesAt(attended + r * stride, at); });
  }
}

/**
 * Where rotary does not turn, the keys' gradients of a head sum to zero over the positions. What rounding has left of that sum is spread over them, and the
 * rounding of each is carried to the next, so that the sum is zero to one rounding.
 */
void cancelSums(const Head& head, float* dK) {
  constexpr i64 WIDTH = 64;
  for (i64 begin = head.R; begin < head.D; begin += WIDTH) {
    const i64 width = head.D - begin < WIDTH ? head.D - begin : WIDTH;
    double mean[WIDTH] = {0}, carried[WIDTH] = {0};
    for (i64 t = 0; t < head.T; t++) {
      const float* row = dK + t * head.qkvStride + begin;
      for (i64 j = 0; j < width; j++) mean[j] += row[j];
    }
    for (i64 j = 0; j < width; j++) mean[j] /= head.T;
    for (i64 t = 0; t < head.T; t++) {
      float* row = dK + t * head.qkvStride + begin;
      for (i64 j = 0; j < width; j++) {
        const double exact = row[j] - mean[j] + carried[j];
        row[j] = (float)exact;
        carried[j] = exact - row[j];
      }
    }
  }
}

/** Value: of the factors of products. Kernel inputs: dAttended, qkv, attended, log-sum-exp, cos, sin. */
template <typename Value>
void headGradient(const Arguments& a, const Head& head, char* scratch) {
  const i64 T = head.T, D = head.D;
  const float *dAttended = floats(a, 0) + head.attended, *qkv = floats(a, 1) + head.qkv, *attended = floats(a, 2) + head.attended;
  const float *cos = floats(a, 4), *sin = floats(a, 5);
  float* dQkv = result(a, 0) + head.qkv;
  const i64 block = QUERY_BLOCK * wholeLanes(T);
  float *logits = (float*)scratch, *dWeights = logits + block, *dQ = dWeights + block, *dK = dQ + T * D;
  Value *q = (Value*)(dK + T * D), *k = q + T * D, *vRoom = k + T * D, *dOutRoom = vRoom + T * D;
  Value *weights = roomFor(logits, dOutRoom + T * D), *dLogits = roomFor(dWeights, dOutRoom + T * D + block);
  float means[QUERY_BLOCK];
  turn(head, qkv, cos, sin, 1 / sqrtf(D), q);
  turn(head, qkv + D, cos, sin, 1, k);
  MatrixOf<Value> v = factors(head, qkv + 2 * D, head.qkvStride, vRoom);
  v.isTransposed = true;
  const MatrixOf<Value> allOut = factors(head, dAttended, head.stride, dOutRoom);
  for (i64 first = (T - 1) / QUERY_BLOCK * QUERY_BLOCK; first >= 0; first -= QUERY_BLOCK) {
    const i64 rows = T - first < QUERY_BLOCK ? T - first : QUERY_BLOCK, keys = first + rows, stride = wholeLanes(keys);
    const bool adds = keys < T;
    const MatrixOf<Value> dOut = {allOut.data + first * allOut.stride, false, allOut.stride}, queries = {q + first * D, false, D};
    multiply(rows, keys, D, queries, MatrixOf<Value>{k, true, D}, logits, stride);
    multiply(rows, keys, D, dOut, v, dWeights, stride);
    meanGradients(dAttended + first * head.stride, attended + first * head.stride, rows, head.stride, D, means);
    rowGradients(logits, dWeights, weights, dLogits, first, rows, stride, floats(a, 3) + head.rows, means);
    multiply(rows, D, keys, MatrixOf<Value>{dLogits, false, stride}, MatrixOf<Value>{k, false, D}, dQ + first * D, D);
    multiply(keys, D, rows, MatrixOf<Value>{dLogits, true, stride}, queries, dK, D, adds);
    multiply(keys, D, rows, MatrixOf<Value>{weights, true, stride}, dOut, dQkv + 2 * D, head.qkvStride, adds);
  }
  turnBack(head, dQ, cos, sin, 1 / sqrtf(D), dQkv);
  turnBack(head, dK, cos, sin, 1, dQkv + D);
  cancelSums(head, dQkv + D);
}

} // namespace

namespace TIRESIAS_LEVEL {

void attentionGradient(const Arguments& a) {
  const i64 numHeads = size(a, 0) * size(a, 2);
  const bool half = isHalf(a, 5);
#pragma omp parallel for schedule(dynamic) num_threads(a.numThreads) if (numHeads > 1)
  for (i64 i = 0; i < numHeads; i++) {
    const Head head = headAt(a, i);
    char* scratch = (char*)a.scratch + omp_get_thread_num() * attentionGradientScratch(head.T, head.D, half);
    if (half) headGradient<uint16_t>(a, head, scratch);
    else headGradient<float>(a, head, scratch);
  }
}

} // namespace TIRESIAS_LEVEL
