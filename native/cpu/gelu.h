// GELU in both forms and its slope, computed from x alone: ½x(1 + tanh u) = x·σ(2u), u = 0.79788456·x·(1 + 0.044715·x²); x·½(1 + erf(x/√2)).
#include "loops.h"

namespace {

constexpr float DOUBLE_SCALE = 2 * 0.79788456f;
constexpr float CUBIC = 0.044715f;

inline float tanhForm(float x) { return x * sigmoid(DOUBLE_SCALE * x * (1 + CUBIC * x * x)); }

inline float tanhSlope(float x) {
  const float gate = sigmoid(DOUBLE_SCALE * x * (1 + CUBIC * x * x));
  // Beyond ±1e6 the square overflows, and the gate is 0 or 1 long before.
  const float y = x > 1e6f ? 1e6f : x < -1e6f ? -1e6f : x;
  return gate * (1 + (1 - gate) * DOUBLE_SCALE * y * (1 + 3 * CUBIC * y * y));
}

inline float erfForm(float x) { return x * 0.5f * (1 + errorFunction(x * 0.70710678118f)); }

inline float erfSlope(float x) {
  return 0.5f * (1 + errorFunction(x * 0.70710678118f)) + x * 0.3989422804f * exponential(-0.5f * x * x);
}

} // namespace

namespace TIRESIAS_LEVEL {

void gelu(const Arguments& a) {
  const i64 count = size(a, 1);
  const float* x = floats(a, 0);
  float* y = result(a, 0);
  if ((GeluForm)(int)a.numbers[0] == GeluForm::tanh) {
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
    for (i64 i = 0; i < count; i++) y[i] = tanhForm(x[i]);
  } else {
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
    for (i64 i = 0; i < count; i++) y[i] = erfForm(x[i]);
  }
}

void geluGradient(const Arguments& a) {
  const i64 count = size(a, 1);
  const float *dy = floats(a, 0), *x = floats(a, 1);
  float* dx = result(a, 0);
  if ((GeluForm)(int)a.numbers[0] == GeluForm::tanh) {
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
    for (i64 i = 0; i < count; i++) dx[i] = dy[i] * tanhSlope(x[i]);
  } else {
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
    for (i64 i = 0; i < count; i++) dx[i] = dy[i] * erfSlope(x[i]);
  }
}

} // namespace TIRESIAS_LEVEL
