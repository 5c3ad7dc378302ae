// The gradient of causal rotary attention: weights are computed again from the kept log-sum-exp, block of queries by block. Blocks go from the last to the
// first, because the last sees all keys and so lays down their gradients, to which the others add.
#include "attention.h"
#include "matrices.h"
#include <omp.h>

namespace {

/** weights: logits → probabilities; dWeights → gradients of the logits. */
void rowGradients(float* weights, float* dWeights, i64 first, i64 rows, i64 keys, const float* logSumExp, const float* meanGradients) {
  for (i64 r = 0; r < rows; r++) {
    float *p = weights + r * keys, *d = dWeights + r * keys;
    const i64 seen = first + r + 1;
    const float normaliser = logSumExp[first + r], mean = meanGradients[r];
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (i64 j = 0; j < seen; j++) {
      p[j] = exponential(p[j] - normaliser);
      d[j] = p[j] * (d[j] - mean);
      sum += d[j];
    }
    // A row sums to zero. What rounding leaves is taken out once more: of it, too, the gradient of the keys' bias would be made where rotary does not turn.
#pragma omp simd
    for (i64 j = 0; j < seen; j++) d[j] -= p[j] * sum;
    memset(p + seen, 0, (keys - seen) * sizeof(float));
    memset(d + seen, 0, (keys - seen) * sizeof(float));
  }
}

/** Σ dAttended·attended of each row: what the weights' gradients are on average. */
void meanGradients(const float* dAttended, const float* attended, i64 rows, i64 stride, i64 D, float* means) {
  for (i64 r = 0; r < rows; r++) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (i64 j = 0; j < D; j++) sum += dAttended[r * stride + j] * attended[r * stride + j];
    means[r] = sum;
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

/** Kernel inputs: dAttended, qkv, attended, log-sum-exp, cos, sin. */
void headGradient(const Arguments& a, const Head& head, float* scratch) {
  const i64 T = head.T, D = head.D;
  const float *dAttended = floats(a, 0) + head.attended, *qkv = floats(a, 1) + head.qkv, *attended = floats(a, 2) + head.attended;
  const float *cos = floats(a, 4), *sin = floats(a, 5);
  float* dQkv = result(a, 0) + head.qkv;
  float *q = scratch, *k = q + T * D, *dQ = k + T * D, *dK = dQ + T * D, *weights = dK + T * D, *dWeights = weights + QUERY_BLOCK * T;
  float means[QUERY_BLOCK];
  turn(head, qkv, cos, sin, 1 / sqrtf(D), q);
  turn(head, qkv + D, cos, sin, 1, k);
  for (i64 first = (T - 1) / QUERY_BLOCK * QUERY_BLOCK; first >= 0; first -= QUERY_BLOCK) {
    const i64 rows = T - first < QUERY_BLOCK ? T - first : QUERY_BLOCK, keys = first + rows;
    const bool adds = keys < T;
    const Matrix dOut = {dAttended + first * head.stride, false, head.stride};
    multiply(rows, keys, D, {q + first * D, false, D}, {k, true, D}, weights, keys);
    multiply(rows, keys, D, dOut, {qkv + 2 * D, true, head.qkvStride}, dWeights, keys);
    meanGradients(dOut.data, attended + first * head.stride, rows, head.stride, D, means);
    rowGradients(weights, dWeights, first, rows, keys, floats(a, 3) + head.rows, means);
    multiply(rows, D, keys, {dWeights, false, keys}, {k, false, D}, dQ + first * D, D);
    multiply(keys, D, rows, {dWeights, true, keys}, {q + first * D, false, D}, dK, D, adds);
    multiply(keys, D, rows, {weights, true, keys}, {dOut.data, false, head.stride}, dQkv + 2 * D, head.qkvStride, adds);
  }
  turnBack(head, dQ, cos, sin, 1 / sqrtf(D), dQkv);
  turnBack(head, dK, cos, sin, 1, dQkv + D);
  cancelSums(head, dQkv + D);
}

} // namespace

namespace TIRESIAS_LEVEL {

void attentionGradient(const Arguments& a) {
  const i64 numHeads = size(a, 0) * size(a, 2);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (numHeads > 1)
  for (i64 i = 0; i < numHeads; i++) {
    const Head head = headAt(a, i);
    headGradient(a, head, (float*)a.scratch + omp_get_thread_num() * attentionGradientScratch(head.T, head.D));
  }
}

} // namespace TIRESIAS_LEVEL
