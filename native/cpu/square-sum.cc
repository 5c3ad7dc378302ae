// The sum of the squares of many tensors, for their global norm: fp32 within a chunk, fp64 among chunks, in their order.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void squareSum(const Arguments& a) {
  double* chunks = (double*)a.scratch;
  i64 numChunks = 0;
  for (int n = 0; n < a.numIn; n++) {
    const float* x = floats(a, n);
    const i64 count = a.in[n].count, own = chunksOf(count);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (count > ALONE)
    for (i64 c = 0; c < own; c++) {
      const i64 end = (c + 1) * CHUNK < count ? (c + 1) * CHUNK : count;
      float sum = 0;
#pragma omp simd reduction(+ : sum)
      for (i64 i = c * CHUNK; i < end; i++) sum += x[i] * x[i];
      chunks[numChunks + c] = sum;
    }
    numChunks += own;
  }
  double total = 0;
  for (i64 c = 0; c < numChunks; c++) total += chunks[c];
  *result(a, 0) = (float)total;
}

} // namespace TIRESIAS_LEVEL
