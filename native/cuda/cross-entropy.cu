// Next-token cross-entropy from hidden states and the output embedding. Rows are taken in blocks whose logits fit MAX_LOGITS; the gradients for a loss's
// gradient of one are made in the same pass (Hsu et al. 2024, Liger kernels), so that no logit is computed twice and none outlives its block.
#include "indices.h"
#include "matrices.h"
#include "rows.h"

namespace {

using namespace gpu;

/** Logits that are formed at a time: 256 MB. */
constexpr i64 MAX_LOGITS = 64 << 20;

i64 rowsAtOnce(i64 N, i64 V) { return std::max<i64>(1, std::min(N, MAX_LOGITS / V)); }

/** Logits → (softmax − label)/N as a product takes it, which may lie in their place; writes each row's loss. */
template <typename Value>
void rowGradients(const float* logits, Value* dLogits, const std::int32_t* labels, double* losses, i64 rows, i64 V, i64 N) {
  rowByRow(rows, V, [=] __device__(i64 row) {
    const float* x = logits + row * V;
    const std::int32_t label = labels[row];
    const float labelLogit = x[label], largest = largestOf(x, V);
    const double sum = sumOfExponentials(x, V, largest);
    const float share = static_cast<float>(1 / (sum * N));
    for (i64 j = threadIdx.x; j < V; j += blockDim.x) store(expf(x[j] - largest) * share - (j == label ? 1.0f / N : 0.0f), dLogits + row * V + j);
    if (threadIdx.x == 0) losses[row] = log(sum) + largest - labelLogit;
  });
}

float* placeOf(float* logits, float*) { return logits; }
bf16* placeOf(float*, bf16* room) { return room; }

template <typename Value>
void lossAndGradients(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), most = rowsAtOnce(N, V);
  const Scratch lossRoom(8 * N), logitRoom(4 * most * V), room(sizeof(Value) * roomOf<Value>(N * C + most * V));
  const Value* hidden = rounded(floats(a, 0), room.as<Value>(), N * C);
  const Value* embedding = weightsAs<Value>(a.in[1]);
  double* losses = lossRoom.as<double>();
  float* logits = logitRoom.as<float>();
  Value* dLogits = placeOf(logits, room.as<Value>() + N * C);
  for (i64 begin = 0; begin < N; begin += most) {
    const i64 rows = std::min(most, N - begin);
    const Value* own = hidden + begin * C;
    multiply<Value>(rows, V, C, {own, false, C}, {embedding, true, C}, {logits, V});
    rowGradients(logits, dLogits, ints(a, 2) + begin, losses + begin, rows, V, N);
    multiply<Value>(rows, C, V, {dLogits, false, V}, {embedding, false, C}, {result(a, 1) + begin * C, C});
    multiply<Value>(V, C, rows, {dLogits, true, V}, {own, false, C}, {result(a, 2), C}, begin > 0);
  }
  total(losses, N, static_cast<double>(N), result(a, 0));
}

} // namespace

namespace gpu {

void crossEntropy(const Arguments& a) {
  if (!checkIndices(a, ints(a, 2), size(a, 0), size(a, 2), "label")) return;
  if (isHalf(a, 3)) lossAndGradients<bf16>(a);
  else lossAndGradients<float>(a);
}

void labelLogProbs(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), most = rowsAtOnce(N, V);
  if (N == 0 || !checkIndices(a, ints(a, 2), N, V, "label")) return;
  const Scratch room(4 * most * V);
  float* logits = room.as<float>();
  for (i64 begin = 0; begin < N; begin += most) {
    const i64 rows = std::min(most, N - begin);
    const std::int32_t* labels = ints(a, 2) + begin;
    float* results = result(a, 0) + begin;
    multiply<float>(rows, V, C, {floats(a, 0) + begin * C, false, C}, {floats(a, 1), true, C}, {logits, V});
    rowByRow(rows, V, [=] __device__(i64 row) {
      const float* x = logits + row * V;
      const float largest = largestOf(x, V);
      const double sum = sumOfExponentials(x, V, largest);
      if (threadIdx.x == 0) results[row] = static_cast<float>(static_cast<double>(x[labels[row]]) - largest - log(sum));
    });
  }
}

} // namespace gpu
