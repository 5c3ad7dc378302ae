// Sums of the rows that share an id. Each thread owns a range of the table and takes all rows in order, so that sums have the same bits each time.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void scatterRows(const Arguments& a) {
  const i64 V = size(a, 0), C = size(a, 1), N = size(a, 2);
  const int32_t* ids = ints(a, 0);
  const float* rows = floats(a, 1);
  float* sums = result(a, 0);
  if (!checkIndices(a, ids, N, V, "id")) return;
  const i64 numRanges = a.numThreads;
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (V * C > ALONE)
  for (i64 range = 0; range < numRanges; range++) {
    const i64 begin = V * range / numRanges, end = V * (range + 1) / numRanges;
    memset(sums + begin * C, 0, (end - begin) * C * sizeof(float));
    for (i64 i = 0; i < N; i++) {
      if (ids[i] < begin || ids[i] >= end) continue;
      float* sum = sums + ids[i] * C;
      const float* row = rows + i * C;
#pragma omp simd
      for (i64 j = 0; j < C; j++) sum[j] += row[j];
    }
  }
}

} // namespace TIRESIAS_LEVEL
