// The sum of up to eight tensors of one shape, in their order.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void addN(const Arguments& a) {
  const i64 count = size(a, 0);
  float* y = result(a, 0);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (count > ALONE)
  for (i64 begin = 0; begin < count; begin += 4096) {
    const i64 end = begin + 4096 < count ? begin + 4096 : count;
    memcpy(y + begin, floats(a, 0) + begin, (end - begin) * sizeof(float));
    for (int n = 1; n < a.numIn; n++) {
      const float* x = floats(a, n);
#pragma omp simd
      for (i64 i = begin; i < end; i++) y[i] += x[i];
    }
  }
}

} // namespace TIRESIAS_LEVEL
