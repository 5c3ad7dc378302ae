// Next-token cross-entropy from hidden states and the output embedding. Rows are taken in blocks whose logits fit MAX_LOGITS; the gradients for a loss's
// gradient of one are made in the same pass (Hsu et al. 2024, Liger kernels), so that no logit is computed twice and none outlives its block. Products take the
// embedding tile by tile, and logits become exponentials while they are in a thread's cache. These stand beside the label's logit, which one row of the
// embedding gives beforehand, instead of the largest of all: nothing is known too late, and the sum is 1/P(label). What softmax divides by is left to the
// hidden states, which are many times fewer.
#include "row-blocks.h"
#include "softmax.h"

namespace {

/** Sums of exponentials that are so large, or so small, are formed again beside the row's largest logit: the label is e⁴⁰ times less likely than another, or unknown. */
constexpr double MOST_SUM = 1e17, LEAST_SUM = 1e-17;

/** Some rows of a loss: hidden states in fp32 and as factors [rows, C], the output embedding, and what is found out about their logits. */
template <typename Value>
struct LogitRows {
  i64 rows, C;
  Tiles tiles;
  const float* hidden;
  const Value* factors;
  const Operand& embedding;
  const int32_t* labels;
  float *references, *ofLabels, *parts;
  char* rooms;
  int numThreads;

  LogitRows(const Arguments& a, i64 begin, i64 rows, const Value* factors, char* scratch)
      : rows(rows), C(size(a, 1)), tiles(tilesOf(size(a, 2), C)), hidden(floats(a, 0) + begin * C), factors(factors), embedding(a.in[1]),
        labels(ints(a, 2) + begin), numThreads(a.numThreads) {
    const LogitScratch places = logitScratch(rows, tiles, numThreads);
    references = (float*)(scratch + places.references);
    ofLabels = (float*)(scratch + places.ofLabels);
    parts = (float*)(scratch + places.parts);
    rooms = scratch + places.rooms;
  }

  const float* rowOfLabel(i64 row) const { return (const float*)embedding.data + labels[row] * C; }

  double sumOfParts(i64 row) const {
    double sum = 0;
    for (i64 tile = 0; tile < countOf(tiles); tile++) sum += parts[row * countOf(tiles) + tile];
    return sum;
  }
};

/** Exponentials lie tile after tile, row after row in each. */
template <typename Value>
Value* placeIn(Value* exponentials, const LogitRows<Value>& block, i64 tile, i64 row) {
  return exponentials == nullptr ? nullptr : exponentials + tile * block.tiles.rows * block.rows + row * rowsOf(block.tiles, tile);
}

/** parts ← work(logits, their number, tile, row), while the logits of a tile are in the cache of a thread. */
template <typename Value, typename Work>
void formLogits(const LogitRows<Value>& block, const Work& work) {
  const i64 numTiles = countOf(block.tiles), groups = (block.rows + HOT_ROWS - 1) / HOT_ROWS;
#pragma omp parallel for collapse(2) schedule(dynamic) num_threads(block.numThreads) if (block.rows * block.tiles.V > ALONE)
  for (i64 tile = 0; tile < numTiles; tile++) {
    for (i64 group = 0; group < groups; group++) {
      const i64 first = group * HOT_ROWS, end = first + HOT_ROWS < block.rows ? first + HOT_ROWS : block.rows, count = rowsOf(block.tiles, tile);
      float* logits = (float*)(block.rooms + omp_get_thread_num() * logitRoomBytes(block.tiles));
      multiplyByTile(end - first, block.tiles.V, block.C, block.factors + first * block.C, block.embedding, tile, true, logits, false);
      for (i64 row = first; row < end; row++) block.parts[row * numTiles + tile] = work(logits + (row - first) * count, count, tile, row);
    }
  }
}

template <typename Value>
void formExponentials(const LogitRows<Value>& block, Value* out) {
  formLogits(block, [&](const float* logits, i64 count, i64 tile, i64 row) {
    if (block.labels[row] / block.tiles.rows == tile) block.ofLabels[row] = logits[block.labels[row] % block.tiles.rows];
    return exponentials(logits, block.references[row], placeIn(out, block, tile, row), count);
  });
}

/** The label's logit, or nearly that where factors are rounded. */
template <typename Value>
float expectedOfLabel(const LogitRows<Value>& block, i64 row) {
  const float *hidden = block.hidden + row * block.C, *label = block.rowOfLabel(row);
  return sumOver(block.C, [&](Stretch stretch) LANES_WORK { return lanesAt(hidden, stretch) * lanesAt(label, stretch); });
}

/** References, the labels' logits, and in `parts` the sums of the exponentials; these go to `out` unless that is null. */
template <typename Value>
void softmaxParts(const LogitRows<Value>& block, Value* out) {
  for (i64 row = 0; row < block.rows; row++) block.references[row] = expectedOfLabel(block, row);
  formExponentials(block, out);
  bool areInRange = true;
  for (i64 row = 0; row < block.rows; row++) {
    const double sum = block.sumOfParts(row);
    if (sum >= LEAST_SUM && sum <= MOST_SUM) continue;
    block.references[row] = NAN;
    areInRange = false;
  }
  if (areInRange) return;
  formLogits(block, [](const float* logits, i64 count, i64, i64) { return largest(logits, count); });
  for (i64 row = 0; row < block.rows; row++) {
    if (isnan(block.references[row])) block.references[row] = largest(block.parts + row * countOf(block.tiles), countOf(block.tiles));
  }
  formExponentials(block, out);
}

/** −log P(label) of a row. */
template <typename Value>
double lossOf(const LogitRows<Value>& block, i64 row, double sum) {
  return log(sum) + block.references[row] - block.ofLabels[row];
}

/** A block of rows on the way back. Gradients of its logits are share·exponentials but for the labels', whose are kept apart, because they are most of all. */
template <typename Value>
struct GradientBlock {
  LogitRows<Value> logits;
  Value* exponentials; // a label's is 0
  Value* scaledHidden; // share·hidden
  float* shares;       // 1/(N·sum)
  float* labelShares;  // (P(label) − 1)/N: of the labels' own logits
  double* losses;
  char* overRows;
};

/** to += factor·x, [C]. */
inline void addScaled(const float* x, float factor, float* to, i64 C) {
#pragma omp simd
  for (i64 j = 0; j < C; j++) to[j] += factor * x[j];
}

template <typename Value>
void finishRow(const GradientBlock<Value>& block, i64 N, i64 row) {
  const LogitRows<Value>& logits = block.logits;
  const double sum = logits.sumOfParts(row);
  const i64 label = logits.labels[row], tile = label / logits.tiles.rows;
  const Lanes ofLabel = exponential(filled(logits.ofLabels[row]) - logits.references[row]);
  store(0.0f, placeIn(block.exponentials, logits, tile, row) + label % logits.tiles.rows);
  block.labelShares[row] = (float)((ofLabel[0] - sum) / (sum * N));
  block.losses[row] = lossOf(logits, row, sum);
  const float share = block.shares[row] = (float)(1 / (sum * N));
  const float* hidden = logits.hidden + row * logits.C;
  Value* scaled = block.scaledHidden + row * logits.C;
#pragma omp simd
  for (i64 j = 0; j < logits.C; j++) store(hidden[j] * share, scaled + j);
}

/** Rows [first, first + some) of a block, on one thread. */
template <typename Value>
void dHidden(const GradientBlock<Value>& block, i64 first, i64 some, float* out) {
  const i64 C = block.logits.C;
  for (i64 tile = 0; tile < countOf(block.logits.tiles); tile++) {
    const Value* factors = placeIn(block.exponentials, block.logits, tile, first);
    multiplyByTile(some, block.logits.tiles.V, C, factors, block.logits.embedding, tile, false, out, tile > 0);
  }
  for (i64 row = 0; row < some; row++) {
    const float share = block.shares[first + row];
#pragma omp simd
    for (i64 j = 0; j < C; j++) out[row * C + j] *= share;
    addScaled(block.logits.rowOfLabel(first + row), block.labelShares[first + row], out + row * C, C);
  }
}

/** A tile's rows of the embedding's gradient, or those and what they were; hidden states in bf16 were laid out. */
inline void dEmbedding(const GradientBlock<float>& block, i64 tile, float* out, bool adds) {
  const i64 C = block.logits.C, some = rowsOf(block.logits.tiles, tile);
  multiply(some, C, block.logits.rows, Matrix{placeIn(block.exponentials, block.logits, tile, 0), true, some}, Matrix{block.scaledHidden, false, C}, out, C, adds);
}
inline void dEmbedding(const GradientBlock<uint16_t>& block, i64 tile, float* out, bool adds) {
  const i64 C = block.logits.C, some = rowsOf(block.logits.tiles, tile), rows = block.logits.rows;
  const HalfMatrix factors{placeIn(block.exponentials, block.logits, tile, 0), true, some};
  if (wantsWholeMatrices()) multiplyByLaidOut(some, C, rows, factors, block.overRows, out, C, adds);
  else multiply(some, C, rows, factors, HalfMatrix{block.scaledHidden, false, C}, out, C, adds);
}

/** The labels' own in a tile. */
template <typename Value>
void addLabels(const GradientBlock<Value>& block, i64 tile, float* out) {
  const LogitRows<Value>& logits = block.logits;
  for (i64 row = 0; row < logits.rows; row++) {
    const i64 place = logits.labels[row] - tile * logits.tiles.rows;
    if (place < 0 || place >= rowsOf(logits.tiles, tile)) continue;
    addScaled(logits.hidden + row * logits.C, block.labelShares[row], out + place * logits.C, logits.C);
  }
}

inline void layOutHidden(const GradientBlock<float>&) {}
inline void layOutHidden(const GradientBlock<uint16_t>& block) {
  if (wantsWholeMatrices()) layOut(block.logits.C, block.logits.rows, block.scaledHidden, block.overRows);
}

/** Losses of the rows from `begin` on, and the gradients' share of their own. */
template <typename Value>
void blockGradients(const Arguments& a, const GradientBlock<Value>& block, i64 begin) {
  const i64 C = block.logits.C, rows = block.logits.rows;
  softmaxParts(block.logits, block.exponentials);
  forEachBlock(rows, rowBlocks(rows, a.numThreads), nullptr, 0, a.numThreads, [&](const Block& own) {
    for (i64 row = own.begin; row < own.begin + own.rows; row++) finishRow(block, size(a, 0), row);
    dHidden(block, own.begin, own.rows, result(a, 1) + (begin + own.begin) * C);
  });
  layOutHidden(block);
#pragma omp parallel for schedule(dynamic) num_threads(a.numThreads)
  for (i64 tile = 0; tile < countOf(block.logits.tiles); tile++) {
    float* out = result(a, 2) + tile * block.logits.tiles.rows * C;
    dEmbedding(block, tile, out, begin > 0);
    addLabels(block, tile, out);
  }
}

template <typename Value>
void lossAndGradients(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), blockRows = logitRows(N, V);
  const bool isHalf = sizeof(Value) < sizeof(float);
  const CrossEntropyScratch places = crossEntropyScratch(N, C, V, isHalf, a.numThreads);
  char* scratch = (char*)a.scratch;
  double* losses = (double*)(scratch + places.losses);
  Value *hidden = (Value*)(scratch + places.hidden), *exponentials = (Value*)(scratch + places.exponentials);
  float *shares = (float*)(scratch + places.shares), *labelShares = (float*)(scratch + places.labelShares);
  layOutTiles(V, C, a.in[1], true, isHalf);
  layOutTiles(V, C, a.in[1], false, isHalf);
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    const Value* factors = rounded(floats(a, 0) + begin * C, hidden, rows * C, a.numThreads);
    const LogitRows<Value> logits(a, begin, rows, factors, scratch);
    blockGradients<Value>(a, {logits, exponentials, hidden, shares, labelShares, losses + begin, scratch + places.overRows}, begin);
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
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2);
  if (!checkIndices(a, ints(a, 2), N, V, "label")) return;
  layOutTiles(V, C, a.in[1], true, false);
  const LogitRows<float> logits(a, 0, N, floats(a, 0), (char*)a.scratch);
  softmaxParts<float>(logits, nullptr);
  for (i64 row = 0; row < N; row++) result(a, 0)[row] = (float)-lossOf(logits, row, logits.sumOfParts(row));
}

} // namespace TIRESIAS_LEVEL
