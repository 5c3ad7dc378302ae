// Causal rotary attention from the fused qkv, head by head and block of queries by block: of the T × T weights only a block's rows live at a time. Kept for
// the gradient is each row's log-sum-exp (Dao et al. 2022, FlashAttention). A head is one thread's from beginning to end.
#include "attention.h"
#include "softmax.h"
#include <omp.h>

namespace {

/** Logits of queries [first, first + rows) → weights as factors, 0 for later positions, that are yet to be divided by `sums`; writes the rows' log-sum-exp. */
template <typename Value>
void softmaxRows(float* logits, Value* weights, i64 first, i64 rows, i64 stride, float* logSumExp, float* sums) {
  // Pass by pass over all rows, because a row alone is one long chain of operations that wait for each other.
  float largests[QUERY_BLOCK];
  for (i64 r = 0; r < rows; r++) {
    const i64 seen = first + r + 1, reach = wholeLanes(seen);
    for (i64 j = seen; j < reach; j++) logits[r * stride + j] = -INFINITY;
  }
  for (i64 r = 0; r < rows; r++) largests[r] = largest(logits + r * stride, wholeLanes(first + r + 1));
  for (i64 r = 0; r < rows; r++) {
    const i64 reach = wholeLanes(first + r + 1);
    Value* p = weights + r * stride;
    sums[r] = exponentials(logits + r * stride, largests[r], p, reach);
    memset(p + reach, 0, (stride - reach) * sizeof(Value));
  }
  for (i64 r = 0; r < rows; r++) logSumExp[first + r] = largests[r] + logf(sums[r]);
}

/** Divides rows [rows, D] by their sums. */
inline void divideRows(float* x, i64 rows, i64 stride, i64 D, const float* sums) {
  for (i64 r = 0; r < rows; r++) {
    const float share = 1.0f / sums[r];
#pragma omp simd
    for (i64 j = 0; j < D; j++) x[r * stride + j] *= share;
  }
}

/** Value: of the factors of products. Kernel inputs: qkv, cos, sin. */
template <typename Value>
void attend(const Arguments& a, const Head& head, char* scratch) {
  const i64 T = head.T, D = head.D;
  float* logits = (float*)scratch;
  Value *q = (Value*)(logits + QUERY_BLOCK * wholeLanes(T)), *k = q + T * D, *vRoom = k + T * D;
  Value* weights = roomFor(logits, vRoom + T * D);
  const float* qkv = floats(a, 0) + head.qkv;
  turn(head, qkv, floats(a, 1), floats(a, 2), 1 / sqrtf(D), q);
  turn(head, qkv + D, floats(a, 1), floats(a, 2), 1, k);
  const MatrixOf<Value> v = factors(head, qkv + 2 * D, head.qkvStride, vRoom);
  float sums[QUERY_BLOCK];
  for (i64 first = 0; first < T; first += QUERY_BLOCK) {
    const i64 rows = T - first < QUERY_BLOCK ? T - first : QUERY_BLOCK, keys = first + rows, stride = wholeLanes(keys);
    multiply(rows, keys, D, MatrixOf<Value>{q + first * D, false, D}, MatrixOf<Value>{k, true, D}, logits, stride);
    softmaxRows(logits, weights, first, rows, stride, result(a, 1) + head.rows, sums);
    float* attended = result(a, 0) + head.attended + first * head.stride;
    multiply(rows, D, keys, MatrixOf<Value>{weights, false, stride}, v, attended, head.stride);
    divideRows(attended, rows, head.stride, D, sums);
  }
}

} // namespace

namespace TIRESIAS_LEVEL {

void attention(const Arguments& a) {
  const i64 numHeads = size(a, 0) * size(a, 2);
  const bool half = isHalf(a, 5);
#pragma omp parallel for schedule(dynamic) num_threads(a.numThreads) if (numHeads > 1)
  for (i64 i = 0; i < numHeads; i++) {
    const Head head = headAt(a, i);
    char* scratch = (char*)a.scratch + omp_get_thread_num() * attentionScratch(head.T, head.D, half);
    if (half) attend<uint16_t>(a, head, scratch);
    else attend<float>(a, head, scratch);
  }
}

} // namespace TIRESIAS_LEVEL
