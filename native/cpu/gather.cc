// Rows of a table by id; ids are data, so they are looked at here.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void gather(const Arguments& a) {
  const i64 V = size(a, 0), C = size(a, 1), N = size(a, 2);
  const int32_t* ids = ints(a, 1);
  if (!checkIndices(a, ids, N, V, "id")) return;
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (N * C > ALONE)
  for (i64 i = 0; i < N; i++) memcpy(result(a, 0) + i * C, floats(a, 0) + ids[i] * C, C * sizeof(float));
}

} // namespace TIRESIAS_LEVEL
