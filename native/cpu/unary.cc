// Functions of one value.
#include "loops.h"

namespace {

template <typename Operation>
inline void each(const Arguments& a, Operation operation) {
  const i64 count = size(a, 1);
  const float* x = floats(a, 0);
  float* y = result(a, 0);
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) y[i] = operation(x[i]);
}

} // namespace

namespace TIRESIAS_LEVEL {

void unary(const Arguments& a) {
  switch ((UnaryOperation)(int)a.numbers[0]) {
    case UnaryOperation::exp: return each(a, [](float x) { return exponential(x); });
    case UnaryOperation::log: return each(a, [](float x) { return logf(x); });
    case UnaryOperation::sqrt: return each(a, [](float x) { return sqrtf(x); });
    case UnaryOperation::rsqrt: return each(a, [](float x) { return 1.0f / sqrtf(x); });
    case UnaryOperation::square: return each(a, [](float x) { return x * x; });
    case UnaryOperation::sigmoid: return each(a, [](float x) { return sigmoid(x); });
    case UnaryOperation::erf: return each(a, [](float x) { return errorFunction(x); });
  }
}

} // namespace TIRESIAS_LEVEL
