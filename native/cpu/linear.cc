// y = x·Wᵀ + b with W [out, in], and its gradients. The bias is laid down first and the product added to it.
#include "loops.h"
#include "matrices.h"

namespace TIRESIAS_LEVEL {

void linear(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  float* y = result(a, 0);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (N * O > ALONE)
  for (i64 row = 0; row < N; row++) memcpy(y + row * O, floats(a, 2), O * sizeof(float));
  multiply(N, O, I, {floats(a, 0), false, I}, {floats(a, 1), true, I}, y, O, true);
}

void linearGradient(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const float *dy = floats(a, 0), *x = floats(a, 1), *weight = floats(a, 2);
  multiply(N, I, O, {dy, false, O}, {weight, false, I}, result(a, 0), I);
  multiply(O, I, N, {dy, true, O}, {x, false, I}, result(a, 1), I);
  columnSums(dy, result(a, 2), N, O, a.numThreads);
}

} // namespace TIRESIAS_LEVEL
