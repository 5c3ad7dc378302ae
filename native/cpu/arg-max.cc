// The place of each row's largest value; the first of equals, as TensorFlow.js' ArgMax.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void argMax(const Arguments& a) {
  const i64 rows = size(a, 0), columns = size(a, 1);
  int32_t* places = (int32_t*)a.out[0].data;
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (rows * columns > ALONE)
  for (i64 row = 0; row < rows; row++) {
    const float* x = floats(a, 0) + row * columns;
    i64 best = 0;
    for (i64 j = 1; j < columns; j++) {
      if (x[j] > x[best]) best = j;
    }
    places[row] = (int32_t)best;
  }
}

} // namespace TIRESIAS_LEVEL
