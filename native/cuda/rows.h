// What kernels share that take rows: the parts of a softmax, and totals of what blocks have left.
#pragma once
#include "launch.h"

namespace gpu {

/** Values that one block sums for a total. */
constexpr i64 CHUNK = 16384;

inline i64 chunks(i64 count) { return (count + CHUNK - 1) / CHUNK; }

__device__ inline float largestOf(const float* x, i64 count) {
  float largest = -INFINITY;
  for (i64 j = threadIdx.x; j < count; j += blockDim.x) largest = Largest()(x[j], largest);
  return acrossBlock(largest, Largest());
}

/** In fp64: a vocabulary's small terms count as much as its large ones. */
__device__ inline double sumOfExponentials(const float* x, i64 count, float largest) {
  double sum = 0;
  for (i64 j = threadIdx.x; j < count; j += blockDim.x) sum += expf(x[j] - largest);
  return acrossBlock(sum, Sum());
}

/** The sum of so many values over `divisor` → one float. */
inline void total(const double* values, i64 count, double divisor, float* out) {
  rowByRow(1, count, [=] __device__(i64) {
    double sum = 0;
    for (i64 i = threadIdx.x; i < count; i += blockDim.x) sum += values[i];
    sum = acrossBlock(sum, Sum());
    if (threadIdx.x == 0) *out = static_cast<float>(sum / divisor);
  });
}

} // namespace gpu
