// Next-token cross-entropy from hidden states and the output embedding. Rows are taken in blocks whose logits fit MAX_LOGITS; the gradients for a loss's
// gradient of one are made in the same pass (Hsu et al. 2024, Liger kernels), so that no logit is computed twice and none outlives its block.
#include "row-blocks.h"

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

/** Rows [begin, begin + rows): their gradients lie from `dLogits` on, floats in place of the logits, or bf16 values; `hidden` is of the same kind. */
template <typename Value>
struct LogitBlock {
  i64 begin, rows;
  const Value* hidden;
  Value* dLogits;
  double* losses;
};

/** Losses and dLogits of rows [first, first + some) of a block. Threads share them where it is not a thread of a team that calls. */
template <typename Value>
void someLogits(const Arguments& a, const LogitBlock<Value>& block, i64 first, i64 some, float* logits) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2);
  multiplyByWeights(some, V, C, MatrixOf<Value>{block.hidden + first * C, false, C}, a.in[1], true, nullptr, logits, V);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (some * V > ALONE && !omp_in_parallel())
  for (i64 row = first; row < first + some; row++) {
    block.losses[row] = rowGradient(logits + (row - first) * V, block.dLogits + row * V, V, ints(a, 2)[block.begin + row], N);
  }
}

template <typename Value>
void dHidden(const Arguments& a, const LogitBlock<Value>& block, i64 first, i64 some) {
  const i64 C = size(a, 1), V = size(a, 2);
  float* out = result(a, 1) + (block.begin + first) * C;
  multiplyByWeights(some, C, V, MatrixOf<Value>{block.dLogits + first * V, false, V}, a.in[1], false, nullptr, out, C);
}

/** Losses of a block, and the gradients' share of its own. */
template <typename Value>
void blockGradients(const Arguments& a, const LogitBlock<Value>& block) {
  const i64 C = size(a, 1), V = size(a, 2);
  if (C * V <= SMALL_EMBEDDING) {
    const RowBlocks blocks = rowBlocks(block.rows, a.numThreads);
    forEachBlock(block.rows, blocks, (char*)a.scratch, 4 * blocks.rows * V, a.numThreads, [&](const Block& own) {
      someLogits(a, block, own.begin, own.rows, logitsAt(own.scratch, block.dLogits, own.begin * V));
      dHidden(a, block, own.begin, own.rows);
    });
  } else {
    for (i64 first = 0; first < block.rows; first += HOT_ROWS) {
      const i64 some = block.rows - first < HOT_ROWS ? block.rows - first : HOT_ROWS;
      someLogits(a, block, first, some, logitsAt(a.scratch, block.dLogits, first * V));
    }
    dHidden(a, block, 0, block.rows);
  }
  const OverRows<Value> dEmbedding[] = {{V, C, block.dLogits, block.hidden, result(a, 2)}};
  multiplyOverRows(dEmbedding, block.rows, a.numThreads, block.begin > 0);
}

template <typename Value>
void lossAndGradients(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), blockRows = logitRows(N, V);
  const CrossEntropyScratch places = crossEntropyScratch(N, C, V, sizeof(Value) < sizeof(float), a.numThreads);
  char* scratch = (char*)a.scratch;
  double* losses = (double*)(scratch + places.losses);
  const Value* hidden = rounded(floats(a, 0), (Value*)(scratch + places.hidden), N * C, a.numThreads);
  layOut(V, C, a.in[1], true, sizeof(Value) < sizeof(float));
  layOut(C, V, a.in[1], false, sizeof(Value) < sizeof(float));
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    blockGradients<Value>(a, {begin, rows, hidden + begin * C, (Value*)(scratch + places.dLogits), losses + begin});
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
