// y = x·Wᵀ + b with W [out, in], and its gradients. In fp32 the bias is laid down first and the product added to it. In bf16 the factors are rounded, the weights
// once an update.
#include "loops.h"
#include "matrices.h"

namespace {

/** numbers: N, in, out, precision. */
void linearHalf(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  uint16_t* x = (uint16_t*)a.scratch;
  toHalves(floats(a, 0), x, N * I, a.numThreads);
  multiplyByWeights(N, O, I, {x, false, I}, a.in[1], true, floats(a, 2), result(a, 0), O);
}

void linearGradientHalf(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  uint16_t *dy = (uint16_t*)a.scratch, *x = dy + N * O;
  toHalves(floats(a, 0), dy, N * O, a.numThreads);
  toHalves(floats(a, 1), x, N * I, a.numThreads);
  multiplyByWeights(N, I, O, {dy, false, O}, a.in[2], false, nullptr, result(a, 0), I);
  multiplyHalf(O, I, N, {dy, true, O}, {x, false, I}, result(a, 1), I);
}

} // namespace

namespace TIRESIAS_LEVEL {

void linear(const Arguments& a) {
  if (isHalf(a, 3)) return linearHalf(a);
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  float* y = result(a, 0);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (N * O > ALONE)
  for (i64 row = 0; row < N; row++) memcpy(y + row * O, floats(a, 2), O * sizeof(float));
  multiply(N, O, I, {floats(a, 0), false, I}, {floats(a, 1), true, I}, y, O, true);
}

void linearGradient(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const float *dy = floats(a, 0), *x = floats(a, 1), *weight = floats(a, 2);
  columnSums(dy, result(a, 2), N, O, a.numThreads);
  if (isHalf(a, 3)) return linearGradientHalf(a);
  multiply(N, I, O, {dy, false, O}, {weight, false, I}, result(a, 0), I);
  multiply(O, I, N, {dy, true, O}, {x, false, I}, result(a, 1), I);
}

} // namespace TIRESIAS_LEVEL
