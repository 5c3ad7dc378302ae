// What kernels share that take a matrix by blocks of rows (blocks.h): the loop over the blocks, sums over all rows, and products whose sums go over all rows.
#pragma once
#include <omp.h>
#include "loops.h"
#include "matrices.h"

namespace {

/** One block: rows [begin, begin + rows), the first of its units, and where its thread's scratch is. */
struct Block {
  i64 begin, rows, unit;
  char* scratch;
};

/** Calls `work` with each block; a thread has `scratchBytes` of its own from `scratch`. Whoever is free takes the next, so results may not depend on who it is. */
template <typename Work>
void forEachBlock(i64 N, RowBlocks blocks, char* scratch, i64 scratchBytes, int numThreads, const Work& work) {
#pragma omp parallel for schedule(dynamic) num_threads(numThreads) if (blocks.count > 1)
  for (i64 index = 0; index < blocks.count; index++) {
    const i64 begin = index * blocks.rows, rest = N - begin;
    work(Block{begin, rest < blocks.rows ? rest : blocks.rows, begin / LEAST_ROWS, scratch + omp_get_thread_num() * scratchBytes});
  }
}

/** All rows as a product takes them, after each block's were laid down. */
inline const float* wholeOf(const float* x, float*) { return x; }
inline const uint16_t* wholeOf(const float*, uint16_t* room) { return room; }

/**
 * Sums over each unit of a block's rows in fp64: x [rows, C] → sums [units, C]. Rows that cancel, as a bias' gradients may, leave nothing but their own
 * rounding.
 */
inline void sumUnits(const float* x, i64 rows, i64 C, double* sums) {
  constexpr i64 AT_ONCE = 64;
  for (i64 first = 0; first < rows; first += LEAST_ROWS) {
    const i64 end = first + LEAST_ROWS < rows ? first + LEAST_ROWS : rows;
    for (i64 begin = 0; begin < C; begin += AT_ONCE) {
      const i64 width = C - begin < AT_ONCE ? C - begin : AT_ONCE;
      double total[AT_ONCE] = {0};
      for (i64 row = first; row < end; row++) {
        const float* values = x + row * C + begin;
#pragma omp simd
        for (i64 j = 0; j < width; j++) total[j] += values[j];
      }
      memcpy(sums + first / LEAST_ROWS * C + begin, total, width * sizeof(double));
    }
  }
}

/** The units' sums [units, C], one after the other → sums [C]. */
template <typename Sum>
void addUnits(const Sum* ofUnits, i64 numUnits, i64 C, float* sums) {
  constexpr i64 AT_ONCE = 64;
  for (i64 begin = 0; begin < C; begin += AT_ONCE) {
    const i64 width = C - begin < AT_ONCE ? C - begin : AT_ONCE;
    double total[AT_ONCE] = {0};
    for (i64 unit = 0; unit < numUnits; unit++) {
      for (i64 j = 0; j < width; j++) total[j] += ofUnits[unit * C + begin + j];
    }
    for (i64 j = 0; j < width; j++) sums[begin + j] = (float)total[j];
  }
}

/** c [m, n] = aᵀ·b of a [k, m], b [k, n], which lie row after row: a gradient of weights. */
template <typename Value>
struct OverRows {
  i64 m, n;
  const Value *a, *b;
  float* c;
};

/** Some such products over the same k rows. Shares are rows or columns of c, of which there are more. */
template <typename Value, int count>
void multiplyByShares(const OverRows<Value> (&products)[count], i64 k, int numThreads) {
  const i64 sharesOfEach = 2 * numThreads;
#pragma omp parallel for schedule(dynamic) num_threads(numThreads)
  for (i64 i = 0; i < count * sharesOfEach; i++) {
    const OverRows<Value>& p = products[i / sharesOfEach];
    const bool isByRow = p.m >= p.n;
    const i64 all = isByRow ? p.m : p.n, size = shareRows(all, sharesOfEach), begin = i % sharesOfEach * size, some = all - begin < size ? all - begin : size;
    if (some <= 0) continue;
    if (isByRow) multiply(some, p.n, k, MatrixOf<Value>{p.a + begin, true, p.m}, MatrixOf<Value>{p.b, false, p.n}, p.c + begin * p.n, p.n);
    else multiply(p.m, some, k, MatrixOf<Value>{p.a, true, p.m}, MatrixOf<Value>{p.b + begin, false, p.n}, p.c + begin, p.n);
  }
}

/** Columns [begin, begin + some) of x [rows, stride], row after row. */
inline const uint16_t* columnsOf(const uint16_t* x, i64 rows, i64 stride, i64 begin, i64 some, uint16_t* room) {
  for (i64 row = 0; row < rows; row++) memcpy(room + row * some, x + row * stride + begin, 2 * some);
  return room;
}

/** The same by whole matrices: each b is laid out once, and a's columns are copied slice by slice. `scratch` has overRowsScratch() bytes. */
template <int count>
void multiplyBySlices(const OverRows<uint16_t> (&products)[count], i64 k, char* scratch, int numThreads) {
  for (i64 first = 0; first < k; first += SUMMED_ROWS) {
    const i64 rows = summedRows(k - first);
    const char* laidOut[count];
    i64 slicesBefore[count + 1] = {0};
    char* room = scratch + numThreads * sliceBytes(k);
    for (int i = 0; i < count; i++) {
      const OverRows<uint16_t>& p = products[i];
      layOut(p.n, rows, p.b + first * p.n, room);
      laidOut[i] = room;
      room += laidOutBytes(rows, p.n);
      slicesBefore[i + 1] = slicesBefore[i] + (p.m + SLICE_ROWS - 1) / SLICE_ROWS;
    }
#pragma omp parallel for schedule(dynamic) num_threads(numThreads)
    for (i64 slice = 0; slice < slicesBefore[count]; slice++) {
      int i = 0;
      while (slice >= slicesBefore[i + 1]) i++;
      const OverRows<uint16_t>& p = products[i];
      const i64 begin = (slice - slicesBefore[i]) * SLICE_ROWS, some = p.m - begin < SLICE_ROWS ? p.m - begin : SLICE_ROWS;
      const uint16_t* a = columnsOf(p.a + first * p.m, rows, p.m, begin, some, (uint16_t*)(scratch + omp_get_thread_num() * sliceBytes(k)));
      multiplyByLaidOut(some, p.n, rows, HalfMatrix{a, true, some}, laidOut[i], p.c + begin * p.n, p.n, first > 0);
    }
  }
}

template <int count>
void multiplyOverRows(const OverRows<float> (&products)[count], i64 k, char*, int numThreads) {
  multiplyByShares(products, k, numThreads);
}

template <int count>
void multiplyOverRows(const OverRows<uint16_t> (&products)[count], i64 k, char* scratch, int numThreads) {
  if (wantsWholeMatrices()) multiplyBySlices(products, k, scratch, numThreads);
  else multiplyByShares(products, k, numThreads);
}

} // namespace
