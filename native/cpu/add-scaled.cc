// sum + x·factor, in place where the sum is given up: gradients of micro-batches.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void addScaled(const Arguments& a) {
  const i64 count = size(a, 0);
  const float factor = a.numbers[1];
  const float *sum = floats(a, 0), *x = floats(a, 1);
  float* y = result(a, 0);
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) y[i] = sum[i] + x[i] * factor;
}

} // namespace TIRESIAS_LEVEL
