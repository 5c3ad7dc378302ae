// Functions of one value.
#include "lanes.h"

namespace {

template <typename Operation>
inline void each(const Arguments& a, Operation operation) {
  const i64 count = size(a, 1);
  const float* x = floats(a, 0);
  float* y = result(a, 0);
#pragma omp parallel for simd schedule(static) num_threads(a.numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) y[i] = operation(x[i]);
}

/** The same for operations that take whole vectors. */
template <typename Operation>
inline void eachLanes(const Arguments& a, Operation operation) {
  const i64 count = size(a, 1), numVectors = (count + WIDTH - 1) / WIDTH;
  const float* x = floats(a, 0);
  float* y = result(a, 0);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (count > ALONE)
  for (i64 i = 0; i < numVectors; i++) {
    const Stretch stretch{i * WIDTH, count - i * WIDTH < WIDTH ? count - i * WIDTH : WIDTH};
    storeLanes(operation(lanesAt(x, stretch)), y, stretch);
  }
}

} // namespace

namespace TIRESIAS_LEVEL {

void unary(const Arguments& a) {
  switch ((UnaryOperation)(int)a.numbers[0]) {
    case UnaryOperation::exp: return eachLanes(a, [](Lanes x) { return exponential(x); });
    case UnaryOperation::log: return each(a, [](float x) { return logf(x); });
    case UnaryOperation::sqrt: return each(a, [](float x) { return sqrtf(x); });
    case UnaryOperation::rsqrt: return each(a, [](float x) { return 1.0f / sqrtf(x); });
    case UnaryOperation::square: return each(a, [](float x) { return x * x; });
    case UnaryOperation::sigmoid: return eachLanes(a, [](Lanes x) { return sigmoid(x); });
    case UnaryOperation::erf: return eachLanes(a, [](Lanes x) { return errorFunction(x); });
  }
}

} // namespace TIRESIAS_LEVEL
