// Softmax of rows.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void softmax(const Arguments& a) {
  const i64 rows = size(a, 0), columns = size(a, 1);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * columns > ALONE)
  for (i64 row = 0; row < rows; row++) {
    const float* x = floats(a, 0) + row * columns;
    float* y = result(a, 0) + row * columns;
    float largest = -INFINITY, sum = 0;
    for (i64 j = 0; j < columns; j++) largest = x[j] > largest ? x[j] : largest;
#pragma omp simd reduction(+ : sum)
    for (i64 j = 0; j < columns; j++) {
      y[j] = exponential(x[j] - largest);
      sum += y[j];
    }
    const float share = 1.0f / sum;
#pragma omp simd
    for (i64 j = 0; j < columns; j++) y[j] *= share;
  }
}

} // namespace TIRESIAS_LEVEL
