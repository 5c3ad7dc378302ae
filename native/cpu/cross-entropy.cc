// Next-token cross-entropy from hidden states and the output embedding. Rows are taken in blocks whose logits fit MAX_LOGITS; the gradients for a loss's
// gradient of one are made in the same pass (Hsu et al. 2024, Liger kernels), so that no logit is computed twice and none outlives its block.
#include "loops.h"
#include "matrices.h"

namespace {

/** Where logits go: fp32 gradients take their place, bf16 ones are rounded out of the same few rows. */
inline float* logitsAt(void*, float* dLogits, i64 offset) { return dLogits + offset; }
inline float* logitsAt(void* scratch, uint16_t*, i64) { return (float*)scratch; }

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

/** Logits → their exponentials, and (softmax − label)/N, rounded as a product takes it → dLogits, which may lie in their place. Returns the row's loss. */
template <typename Value>
double rowGradient(float* x, Value* dLogits, i64 V, int32_t label, i64 N) {
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
  const float share = (float)(1 / (total * N)), ofLabel = x[label] * share - 1.0f / N;
#pragma omp simd
  for (i64 j = 0; j < V; j++) store(x[j] * share, dLogits + j);
  store(ofLabel, dLogits + label);
  return log(total) + largest - labelLogit;
}

/** Losses of rows [begin, begin + rows), and the gradients' share of theirs. `hidden` and `dLogits` are floats, the latter in place of the logits, or bf16 values. */
template <typename Value>
void blockGradients(const Arguments& a, i64 begin, i64 rows, const Value* hidden, Value* dLogits, double* losses) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2);
  for (i64 first = 0; first < rows; first += HOT_ROWS) {
    const i64 some = rows - first < HOT_ROWS ? rows - first : HOT_ROWS;
    float* logits = logitsAt(a.scratch, dLogits, first * V);
    multiplyByWeights(some, V, C, MatrixOf<Value>{hidden + (begin + first) * C, false, C}, a.in[1], true, nullptr, logits, V);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (some * V > ALONE)
    for (i64 row = 0; row < some; row++) {
      losses[first + row] = rowGradient(logits + row * V, dLogits + (first + row) * V, V, ints(a, 2)[begin + first + row], N);
    }
  }
  multiplyByWeights(rows, C, V, MatrixOf<Value>{dLogits, false, V}, a.in[1], false, nullptr, result(a, 1) + begin * C, C);
  multiply(V, C, rows, MatrixOf<Value>{dLogits, true, V}, MatrixOf<Value>{hidden + begin * C, false, C}, result(a, 2), C, begin > 0);
}

template <typename Value>
void lossAndGradients(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), blockRows = logitRows(N, V);
  const CrossEntropyScratch places = crossEntropyScratch(N, C, V, sizeof(Value) < sizeof(float));
  char* scratch = (char*)a.scratch;
  double* losses = (double*)(scratch + places.losses);
  const Value* hidden = rounded(floats(a, 0), (Value*)(scratch + places.hidden), N * C, a.numThreads);
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    blockGradients(a, begin, rows, hidden, (Value*)(scratch + places.dLogits), losses + begin);
  }
  double total = 0;
  for (i64 row = 0; row < N; row++) total += losses[row];
  *result(a, 0) = (float)(total / N);
}

} // namespace

namespace TIRESIAS_LEVEL {

void crossEntropy(const Arguments& a) {
  if (!checkIndices(a, ints(a, 2), size(a, 0), size(a, 2), "label")) return;
  if (isHalf(a, 3)) lossAndGradients<uint16_t>(a);
  else lossAndGradients<float>(a);
}

void labelLogProbs(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), blockRows = logitRows(N, V);
  const int32_t* labels = ints(a, 2);
  if (!checkIndices(a, labels, N, V, "label")) return;
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    float* logits = (float*)a.scratch;
    multiplyByWeights(rows, V, C, Matrix{floats(a, 0) + begin * C, false, C}, a.in[1], true, nullptr, logits, V);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * V > ALONE)
    for (i64 row = 0; row < rows; row++) {
      const float* x = logits + row * V;
      const float largest = largestOf(x, V);
      result(a, 0)[begin + row] = (float)((double)x[labels[begin + row]] - largest - log(sumOfExponentials(x, V, largest)));
    }
  }
}

} // namespace TIRESIAS_LEVEL
