// Causal rotary attention from the fused qkv, block of queries by block for all heads at once: of the T × T weights only a block's rows live at a time. Kept
// for the gradient is each row's log-sum-exp (Dao et al. 2022, FlashAttention).
#include "attention.h"
#include "rows.h"

namespace {

using namespace gpu;

/** Logits [heads, rows, keys] of queries from `first` on → weights, 0 for later positions, as factors; writes the log-sum-exp [heads, T]. */
template <typename Value>
void softmaxRows(const Heads& heads, float* logits, Value* weights, i64 first, i64 rows, i64 keys, float* logSumExp) {
  const i64 T = heads.T;
  rowByRow(heads.numHeads() * rows, keys, [=] __device__(i64 row) {
    const i64 r = row % rows, seen = first + r + 1;
    float* x = logits + row * keys;
    const float largest = largestOf(x, seen);
    float sum = 0;
    for (i64 j = threadIdx.x; j < seen; j += blockDim.x) sum += expf(x[j] - largest);
    sum = acrossBlock(sum, Sum());
    for (i64 j = threadIdx.x; j < keys; j += blockDim.x) store(j < seen ? expf(x[j] - largest) / sum : 0.0f, weights + row * keys + j);
    if (threadIdx.x == 0) logSumExp[row / rows * T + first + r] = largest + logf(sum);
  });
}

template <typename Value>
void attend(const Arguments& a) {
  const Heads heads(a);
  const i64 T = heads.T, D = heads.D, all = heads.numValues(), most = heads.queriesAtOnce(), block = heads.numHeads() * most * T;
  const Scratch factors(sizeof(Value) * (3 * all + roomOf<Value>(block))), logitRoom(4 * block), outRoom(4 * all);
  Value *q = factors.as<Value>(), *k = q + all, *v = k + all;
  float *logits = logitRoom.as<float>(), *out = outRoom.as<float>(), *attended = result(a, 0);
  Value* weights = placeOf(logits, v + all);
  takeOut(heads, floats(a, 0), floats(a, 1), floats(a, 2), q, k, v);
  for (i64 first = 0; first < T; first += most) {
    const i64 rows = std::min(most, T - first), keys = first + rows;
    multiply<Value>(rows, keys, D, {q + first * D, false, D, T * D}, {k, true, D, T * D}, {logits, keys, rows * keys}, false, heads.numHeads());
    softmaxRows(heads, logits, weights, first, rows, keys, result(a, 1));
    multiply<Value>(rows, D, keys, {weights, false, keys, rows * keys}, {v, false, D, T * D}, {out + first * D, D, T * D}, false, heads.numHeads());
  }
  each(all, [=] __device__(i64 i) { attended[heads.placeOf(i).attended] = out[i]; });
}

} // namespace

namespace gpu {

void attention(const Arguments& a) {
  if (isHalf(a, 5)) attend<bf16>(a);
  else attend<float>(a);
}

} // namespace gpu
