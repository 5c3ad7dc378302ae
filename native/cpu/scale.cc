// A tensor times one number that is itself a tensor; in place, and by one, there is nothing to do.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void scale(const Arguments& a) {
  const i64 count = size(a, 0);
  const float* x = floats(a, 0);
  const float factor = *floats(a, 1);
  float* y = result(a, 0);
  if (factor == 1.0f && x == y) return;
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) y[i] = x[i] * factor;
}

} // namespace TIRESIAS_LEVEL
