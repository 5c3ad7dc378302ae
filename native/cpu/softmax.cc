// Softmax of rows.
#include "softmax.h"

namespace TIRESIAS_LEVEL {

void softmax(const Arguments& a) {
  const i64 rows = size(a, 0), columns = size(a, 1);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * columns > ALONE)
  for (i64 row = 0; row < rows; row++) {
    const float* x = floats(a, 0) + row * columns;
    float* y = result(a, 0) + row * columns;
    const float share = 1.0f / exponentials(x, largest(x, columns), y, columns);
#pragma omp simd
    for (i64 j = 0; j < columns; j++) y[j] *= share;
  }
}

} // namespace TIRESIAS_LEVEL
