// Plain and batched matrix products; a batch of small ones is shared among the threads, one large one is oneDNN's to share.
#include "loops.h"
#include "matrices.h"

namespace TIRESIAS_LEVEL {

void product(const Arguments& a) {
  const i64 batch = size(a, 0), m = size(a, 1), n = size(a, 2), k = size(a, 3);
  const bool isATransposed = size(a, 4) == 1, isBTransposed = size(a, 5) == 1;
  const i64 aSize = size(a, 6) * m * k, bSize = size(a, 7) * k * n;
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (batch > 1)
  for (i64 i = 0; i < batch; i++) {
    multiply(m, n, k, {floats(a, 0) + i * aSize, isATransposed, isATransposed ? m : k},
             {floats(a, 1) + i * bSize, isBTransposed, isBTransposed ? k : n}, result(a, 0) + i * m * n, n);
  }
}

} // namespace TIRESIAS_LEVEL
