// Next-token cross-entropy from hidden states and the output embedding. Rows are taken in blocks whose logits fit MAX_LOGITS; the gradients for a loss's
// gradient of one are made in the same pass (Hsu et al. 2024, Liger kernels), so that no logit is computed twice and none outlives its block.
#include "loops.h"
#include "matrices.h"

namespace {

/** Logits of rows [begin, begin + rows) in fp32 → scratch [rows, V]. */
float* blockLogits(const Arguments& a, i64 begin, i64 rows) {
  const i64 C = size(a, 1), V = size(a, 2);
  float* logits = (float*)a.scratch;
  multiply(rows, V, C, {floats(a, 0) + begin * C, false, C}, {floats(a, 1), true, C}, logits, V);
  return logits;
}

inline float largestOf(const float* x, i64 count) {
  float largest = -INFINITY;
#pragma omp simd reduction(max : largest)
  for (i64 j = 0; j < count; j++) largest = x[j] > largest ? x[j] : largest;
  return largest;
}

/** Chunk by chunk in fp32, chunks in fp64. */
inline double sumOfExponentials(const float* x, i64 count, float largest) {
  double total = 0;
  for (i64 begin = 0; begin < count; begin += CHUNK) {
    const i64 end = begin + CHUNK < count ? begin + CHUNK : count;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (i64 j = begin; j < end; j++) sum += exponential(x[j] - largest);
    total += sum;
  }
  return total;
}

/** Logits → (softmax − label)/N, rounded into `half` unless null, and the row's loss. */
double rowGradient(float* x, uint16_t* half, i64 V, int32_t label, i64 N) {
  const float largest = largestOf(x, V);
  double total = 0;
  const double labelLogit = x[label];
  for (i64 begin = 0; begin < V; begin += CHUNK) {
    const i64 end = begin + CHUNK < V ? begin + CHUNK : V;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (i64 j = begin; j < end; j++) {
      x[j] = exponential(x[j] - largest);
      sum += x[j];
    }
    total += sum;
  }
  const float share = (float)(1 / (total * N));
  if (half != nullptr) {
    const float ofLabel = x[label] * share - 1.0f / N;
#pragma omp simd
    for (i64 j = 0; j < V; j++) half[j] = toHalf(x[j] * share);
    half[label] = toHalf(ofLabel);
  } else {
#pragma omp simd
    for (i64 j = 0; j < V; j++) x[j] *= share;
    x[label] -= 1.0f / N;
  }
  return log(total) + largest - labelLogit;
}

/** Losses of rows [begin, begin + rows), and the gradients' share of theirs. */
void blockGradients(const Arguments& a, i64 begin, i64 rows, double* losses) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2);
  float* logits = blockLogits(a, begin, rows);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * V > ALONE)
  for (i64 row = 0; row < rows; row++) losses[row] = rowGradient(logits + row * V, nullptr, V, ints(a, 2)[begin + row], N);
  multiply(rows, C, V, {logits, false, V}, {floats(a, 1), false, C}, result(a, 1) + begin * C, C);
  multiply(V, C, rows, {logits, true, V}, {floats(a, 0) + begin * C, false, C}, result(a, 2), C, begin > 0);
}

/** The same with bf16 factors: hidden is already rounded. */
void blockGradientsHalf(const Arguments& a, i64 begin, i64 rows, const uint16_t* hidden, uint16_t* dLogits, double* losses) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2);
  float* logits = (float*)a.scratch;
  multiplyByWeights(rows, V, C, {hidden + begin * C, false, C}, a.in[1], true, nullptr, logits, V);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * V > ALONE)
  for (i64 row = 0; row < rows; row++) losses[row] = rowGradient(logits + row * V, dLogits + row * V, V, ints(a, 2)[begin + row], N);
  multiplyByWeights(rows, C, V, {dLogits, false, V}, a.in[1], false, nullptr, result(a, 1) + begin * C, C);
  multiplyHalf(V, C, rows, {dLogits, true, V}, {hidden + begin * C, false, C}, result(a, 2), C, begin > 0);
}

} // namespace

namespace TIRESIAS_LEVEL {

void crossEntropy(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), blockRows = logitRows(N, V);
  const int32_t* labels = ints(a, 2);
  if (!checkIndices(a, labels, N, V, "label")) return;
  const bool half = isHalf(a, 3);
  const CrossEntropyScratch places = crossEntropyScratch(N, C, V, half);
  char* scratch = (char*)a.scratch;
  double* losses = (double*)(scratch + places.losses);
  uint16_t *hidden = (uint16_t*)(scratch + places.hidden), *dLogits = (uint16_t*)(scratch + places.dLogits);
  if (half) toHalves(floats(a, 0), hidden, N * C, a.numThreads);
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    if (half) blockGradientsHalf(a, begin, rows, hidden, dLogits, losses + begin);
    else blockGradients(a, begin, rows, losses + begin);
  }
  double total = 0;
  for (i64 row = 0; row < N; row++) total += losses[row];
  *result(a, 0) = (float)(total / N);
}

void labelLogProbs(const Arguments& a) {
  const i64 N = size(a, 0), V = size(a, 2), blockRows = logitRows(N, V);
  const int32_t* labels = ints(a, 2);
  if (!checkIndices(a, labels, N, V, "label")) return;
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    const float* logits = blockLogits(a, begin, rows);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * V > ALONE)
    for (i64 row = 0; row < rows; row++) {
      const float* x = logits + row * V;
      const float largest = largestOf(x, V);
      result(a, 0)[begin + row] = (float)((double)x[labels[begin + row]] - largest - log(sumOfExponentials(x, V, largest)));
    }
  }
}

} // namespace TIRESIAS_LEVEL
