// AdamW with decoupled decay in the order of src/tensor/adamw.ts; weights and moments may be updated in place.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void adamw(const Arguments& a) {
  const float *weight = floats(a, 0), *expAvg = floats(a, 1), *expAvgSq = floats(a, 2), *gradient = floats(a, 3);
  float *newWeight = result(a, 0), *newAvg = result(a, 1), *newAvgSq = result(a, 2);
  const i64 count = size(a, 0);
  const float rate = a.numbers[1], beta1 = a.numbers[2], beta2 = a.numbers[3], epsilon = a.numbers[4], decay = a.numbers[5];
  const float rest1 = 1 - a.numbers[2], rest2 = 1 - a.numbers[3];
  const float scale = a.numbers[6], correction1 = a.numbers[7], correction2 = a.numbers[8];
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) {
    const float g = gradient[i] * scale;
    const float m = expAvg[i] * beta1 + g * rest1;
    const float v = expAvgSq[i] * beta2 + g * g * rest2;
    const float w = weight[i];
    newAvg[i] = m;
    newAvgSq[i] = v;
    newWeight[i] = w - ((m / correction1) / (sqrtf(v / correction2) + epsilon) + w * decay) * rate;
  }
}

} // namespace TIRESIAS_LEVEL
