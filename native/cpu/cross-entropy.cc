// Next-token cross-entropy from hidden states and the output embedding. Rows are taken in blocks whose logits fit MAX_LOGITS; the gradients for a loss's
// gradient of one are made in the same pass (Hsu et al. 2024, Liger kernels), so that no logit is computed twice and none outlives its block. Products take the
// embedding tile by tile, and while a tile's logits are in a thread's cache, the largest and the sum of their exponentials are taken of each row, as online
// softmax does (Milakov and Gimelshein 2018), so that logits are read once more only.
#include "row-blocks.h"

namespace {

/** The largest of some logits and the sum of their exponentials beside it; no more of them than a tile has. */
inline LogitPart partOf(const float* x, i64 count) {
  float largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
  for (i64 j = 0; j < count; j++) largest = x[j] > largest ? x[j] : largest;
#pragma omp simd reduction(+ : sum)
  for (i64 j = 0; j < count; j++) sum += exponential(x[j] - largest);
  return {largest, sum};
}

/** Of a whole row: its largest logit, and the sum of the exponentials beside that in fp64. */
struct RowSum {
  float largest;
  double total;
};

inline RowSum sumOf(const LogitPart* parts, i64 numTiles) {
  RowSum row = {-INFINITY, 0};
  for (i64 tile = 0; tile < numTiles; tile++) row.largest = parts[tile].largest > row.largest ? parts[tile].largest : row.largest;
  for (i64 tile = 0; tile < numTiles; tile++) row.total += parts[tile].sum * (double)exponential(parts[tile].largest - row.largest);
  return row;
}

/** Rows [begin, begin + rows) of a loss. Their gradients lie from `dLogits` on, tile after tile, row after row in each; `hidden` is of the same kind. */
template <typename Value>
struct LogitBlock {
  i64 begin, rows;
  const Value* hidden;
  Value* dLogits;
  double* losses;
  char* overRows;
  Tiles tiles;

  Value* dLogitsAt(i64 tile, i64 row) const { return dLogits + tile * tiles.rows * rows + row * rowsOf(tiles, tile); }
};

/** Some rows of a block while they are hot: logits in fp32 lie where their gradients will; those whose gradients are rounded, in a room. */
struct HotBlock {
  i64 first, rows;
  LogitPart* parts; // [rows, tiles]
  float* room;

  HotBlock(i64 first, i64 rows, Tiles tiles, char* scratch, bool isHalf)
      : first(first), rows(rows), parts((LogitPart*)(scratch + (isHalf ? aligned(4 * rows * tiles.V) : 0))), room((float*)scratch) {}
};

inline float* logitsAt(const LogitBlock<float>& block, const HotBlock& hot, i64 tile, i64 row) { return block.dLogitsAt(tile, hot.first + row); }
inline float* logitsAt(const LogitBlock<uint16_t>& block, const HotBlock& hot, i64 tile, i64 row) {
  return hot.room + tile * block.tiles.rows * hot.rows + row * rowsOf(block.tiles, tile);
}

template <typename Value>
void formTile(const Arguments& a, const LogitBlock<Value>& block, const HotBlock& hot, i64 tile) {
  const i64 C = size(a, 1), V = size(a, 2);
  multiplyByTile(hot.rows, V, C, block.hidden + hot.first * C, a.in[1], tile, true, logitsAt(block, hot, tile, 0), false);
  for (i64 row = 0; row < hot.rows; row++) hot.parts[row * countOf(block.tiles) + tile] = partOf(logitsAt(block, hot, tile, row), rowsOf(block.tiles, tile));
}

/** A row's loss, and (softmax − label)/N, rounded as a product takes it → dLogits. */
template <typename Value>
void rowGradient(const Arguments& a, const LogitBlock<Value>& block, const HotBlock& hot, i64 row) {
  const Tiles tiles = block.tiles;
  const i64 N = size(a, 0), label = ints(a, 2)[block.begin + hot.first + row], ofLabel = label / tiles.rows;
  const auto [largest, total] = sumOf(hot.parts + row * countOf(tiles), countOf(tiles));
  const float labelLogit = logitsAt(block, hot, ofLabel, row)[label % tiles.rows], share = (float)(1 / (total * N));
  for (i64 tile = 0; tile < countOf(tiles); tile++) {
    const float* x = logitsAt(block, hot, tile, row);
    Value* dLogits = block.dLogitsAt(tile, hot.first + row);
    const i64 count = rowsOf(tiles, tile);
#pragma omp simd
    for (i64 j = 0; j < count; j++) store(exponential(x[j] - largest) * share, dLogits + j);
  }
  store(exponential(labelLogit - largest) * share - 1.0f / N, block.dLogitsAt(ofLabel, hot.first + row) + label % tiles.rows);
  block.losses[hot.first + row] = log(total) + largest - labelLogit;
}

/** Rows [first, first + some) of a block, on one thread. */
template <typename Value>
void dHidden(const Arguments& a, const LogitBlock<Value>& block, i64 first, i64 some) {
  const i64 C = size(a, 1), V = size(a, 2);
  for (i64 tile = 0; tile < countOf(block.tiles); tile++) {
    multiplyByTile(some, V, C, block.dLogitsAt(tile, first), a.in[1], tile, false, result(a, 1) + (block.begin + first) * C, tile > 0);
  }
}

/** A tile's rows of the embedding's gradient, or those and what they were; hidden states in bf16 were laid out. */
inline void dEmbedding(const Arguments& a, const LogitBlock<float>& block, i64 tile, float* out) {
  const i64 C = size(a, 1), some = rowsOf(block.tiles, tile);
  multiply(some, C, block.rows, Matrix{block.dLogitsAt(tile, 0), true, some}, Matrix{block.hidden, false, C}, out, C, block.begin > 0);
}
inline void dEmbedding(const Arguments& a, const LogitBlock<uint16_t>& block, i64 tile, float* out) {
  const i64 C = size(a, 1), some = rowsOf(block.tiles, tile);
  const HalfMatrix dLogits{block.dLogitsAt(tile, 0), true, some};
  if (wantsWholeMatrices()) multiplyByLaidOut(some, C, block.rows, dLogits, block.overRows, out, C, block.begin > 0);
  else multiply(some, C, block.rows, dLogits, HalfMatrix{block.hidden, false, C}, out, C, block.begin > 0);
}
inline void layOutHidden(const LogitBlock<float>&, i64) {}
inline void layOutHidden(const LogitBlock<uint16_t>& block, i64 C) {
  if (wantsWholeMatrices()) layOut(C, block.rows, block.hidden, block.overRows);
}

/** Losses of a block, and the gradients' share of its own. */
template <typename Value>
void blockGradients(const Arguments& a, const LogitBlock<Value>& block) {
  const i64 C = size(a, 1), V = size(a, 2), numTiles = countOf(block.tiles);
  const bool isHalf = sizeof(Value) < sizeof(float);
  if (isSmall(C, V)) {
    const RowBlocks blocks = rowBlocks(block.rows, a.numThreads);
    forEachBlock(block.rows, blocks, (char*)a.scratch, hotBytes(blocks.rows, block.tiles, isHalf), a.numThreads, [&](const Block& own) {
      const HotBlock hot(own.begin, own.rows, block.tiles, own.scratch, isHalf);
      for (i64 tile = 0; tile < numTiles; tile++) formTile(a, block, hot, tile);
      for (i64 row = 0; row < own.rows; row++) rowGradient(a, block, hot, row);
      dHidden(a, block, own.begin, own.rows);
    });
  } else {
    for (i64 first = 0; first < block.rows; first += HOT_ROWS) {
      const HotBlock hot(first, block.rows - first < HOT_ROWS ? block.rows - first : HOT_ROWS, block.tiles, (char*)a.scratch, isHalf);
#pragma omp parallel num_threads(a.numThreads)
      {
#pragma omp for schedule(dynamic)
        for (i64 tile = 0; tile < numTiles; tile++) formTile(a, block, hot, tile);
#pragma omp for schedule(static)
        for (i64 row = 0; row < hot.rows; row++) rowGradient(a, block, hot, row);
      }
    }
    const i64 share = shareRows(block.rows, a.numThreads), rows = share < MOST_ROWS ? share : MOST_ROWS;
    const RowBlocks blocks{rows, (block.rows + rows - 1) / rows};
    forEachBlock(block.rows, blocks, nullptr, 0, a.numThreads, [&](const Block& own) { dHidden(a, block, own.begin, own.rows); });
  }
  layOutHidden(block, C);
#pragma omp parallel for schedule(dynamic) num_threads(a.numThreads)
  for (i64 tile = 0; tile < numTiles; tile++) dEmbedding(a, block, tile, result(a, 2) + tile * block.tiles.rows * C);
}

template <typename Value>
void lossAndGradients(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), V = size(a, 2), blockRows = logitRows(N, V);
  const bool isHalf = sizeof(Value) < sizeof(float);
  const CrossEntropyScratch places = crossEntropyScratch(N, C, V, isHalf, a.numThreads);
  char* scratch = (char*)a.scratch;
  double* losses = (double*)(scratch + places.losses);
  const Value* hidden = rounded(floats(a, 0), (Value*)(scratch + places.hidden), N * C, a.numThreads);
  layOutTiles(V, C, a.in[1], true, isHalf);
  layOutTiles(V, C, a.in[1], false, isHalf);
  for (i64 begin = 0; begin < N; begin += blockRows) {
    const i64 rows = N - begin < blockRows ? N - begin : blockRows;
    Value* dLogits = (Value*)(scratch + places.dLogits);
    blockGradients<Value>(a, {begin, rows, hidden + begin * C, dLogits, losses + begin, scratch + places.overRows, tilesOf(V, C)});
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
  const Tiles tiles = tilesOf(V, C);
  const i64 numTiles = countOf(tiles);
  const int32_t* labels = ints(a, 2);
  if (!checkIndices(a, labels, N, V, "label")) return;
  layOutTiles(V, C, a.in[1], true, false);
  char* scratch = (char*)a.scratch;
  LogitPart* parts = (LogitPart*)(scratch + a.numThreads * labelTileBytes(tiles));
  float* ofLabels = (float*)((char*)parts + partBytes(HOT_ROWS, tiles));
  for (i64 begin = 0; begin < N; begin += HOT_ROWS) {
    const i64 rows = N - begin < HOT_ROWS ? N - begin : HOT_ROWS;
#pragma omp parallel for schedule(dynamic) num_threads(a.numThreads) if (rows * V > ALONE)
    for (i64 tile = 0; tile < numTiles; tile++) {
      const i64 some = rowsOf(tiles, tile);
      float* logits = (float*)(scratch + omp_get_thread_num() * labelTileBytes(tiles));
      multiplyByTile(rows, V, C, floats(a, 0) + begin * C, a.in[1], tile, true, logits, false);
      for (i64 row = 0; row < rows; row++) {
        parts[row * numTiles + tile] = partOf(logits + row * some, some);
        if (labels[begin + row] / tiles.rows == tile) ofLabels[row] = logits[row * some + labels[begin + row] % tiles.rows];
      }
    }
    for (i64 row = 0; row < rows; row++) {
      const auto [largest, total] = sumOf(parts + row * numTiles, numTiles);
      result(a, 0)[begin + row] = (float)((double)ofLabels[row] - largest - log(total));
    }
  }
}

} // namespace TIRESIAS_LEVEL
