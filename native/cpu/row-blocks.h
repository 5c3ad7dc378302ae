// What kernels share that take a matrix by blocks of rows (blocks.h): the loop over the blocks, sums over all rows, and products whose sums go over all rows.
#pragma once
#include <omp.h>
#include "loops.h"
#include "matrices.h"

namespace {

/** One block: rows [begin, begin + rows), and where its thread's scratch is. */
struct Block {
  i64 index, begin, rows;
  char* scratch;
};

/** Calls `work` with each block; a thread has `scratchBytes` of its own from `scratch`. Whoever is free takes the next block, so `work` may not ask who it is. */
template <typename Work>
void forEachBlock(i64 N, RowBlocks blocks, char* scratch, i64 scratchBytes, int numThreads, const Work& work) {
#pragma omp parallel for schedule(dynamic) num_threads(numThreads) if (blocks.count > 1)
  for (i64 index = 0; index < blocks.count; index++) {
    const i64 begin = index * blocks.rows, rest = N - begin;
    work(Block{index, begin, rest < blocks.rows ? rest : blocks.rows, scratch + omp_get_thread_num() * scratchBytes});
  }
}

/** All rows as a product takes them, after each block's were laid down. */
inline const float* wholeOf(const float* x, float*) { return x; }
inline const uint16_t* wholeOf(const float*, uint16_t* room) { return room; }

/** Sums over the rows of a block in fp64: x [rows, C] → sums [C]. Rows that cancel, as a bias' gradients may, leave nothing but their own rounding. */
inline void sumColumns(const float* x, i64 rows, i64 C, double* sums) {
  constexpr i64 WIDTH = 64;
  for (i64 begin = 0; begin < C; begin += WIDTH) {
    const i64 width = C - begin < WIDTH ? C - begin : WIDTH;
    double total[WIDTH] = {0};
    for (i64 row = 0; row < rows; row++) {
      const float* values = x + row * C + begin;
#pragma omp simd
      for (i64 j = 0; j < width; j++) total[j] += values[j];
    }
    memcpy(sums + begin, total, width * sizeof(double));
  }
}

/** The blocks' sums [count, C], one after the other → sums [C]. */
template <typename Sum>
void sumBlocks(const Sum* ofBlocks, i64 count, i64 C, float* sums) {
  for (i64 j = 0; j < C; j++) {
    double total = 0;
    for (i64 block = 0; block < count; block++) total += ofBlocks[block * C + j];
    sums[j] = (float)total;
  }
}

/** c [m, n] = aᵀ·b of a [k, m], b [k, n], which lie row after row: a gradient of weights. Shares are rows or columns of c, of which there are more. */
template <typename Value>
void multiplyOverRows(i64 m, i64 n, i64 k, const Value* a, const Value* b, float* c, int numThreads, bool adds = false) {
  const bool isByRow = m >= n;
  const i64 all = isByRow ? m : n, size = shareRows(all, 2 * numThreads), numShares = (all + size - 1) / size;
#pragma omp parallel for schedule(dynamic) num_threads(numThreads) if (numShares > 1)
  for (i64 share = 0; share < numShares; share++) {
    const i64 begin = share * size, some = all - begin < size ? all - begin : size;
    if (isByRow) multiply(some, n, k, MatrixOf<Value>{a + begin, true, m}, MatrixOf<Value>{b, false, n}, c + begin * n, n, adds);
    else multiply(m, some, k, MatrixOf<Value>{a, true, m}, MatrixOf<Value>{b + begin, false, n}, c + begin, n, adds);
  }
}

} // namespace
