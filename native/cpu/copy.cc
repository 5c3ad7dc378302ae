// Values from one place to another by strides: transposition, slices, and the pieces of concatenation.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void copy(const Arguments& a) {
  const int rank = (int)size(a, 0);
  const double *shape = a.numbers + 1, *fromStrides = shape + rank + 1, *toStrides = fromStrides + rank + 1;
  const int32_t* from = ints(a, 0) + (i64)shape[rank];
  int32_t* to = (int32_t*)a.out[0].data + (i64)fromStrides[rank];
  i64 count = 1;
  for (int d = 0; d < rank; d++) count *= (i64)shape[d];
  if (count == 0) return;
  const i64 columns = rank == 0 ? 1 : (i64)shape[rank - 1], rows = count / columns;
  const i64 fromStep = rank == 0 ? 1 : (i64)fromStrides[rank - 1], toStep = rank == 0 ? 1 : (i64)toStrides[rank - 1];
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (count > ALONE)
  for (i64 r = 0; r < rows; r++) {
    i64 rest = r, fromOffset = 0, toOffset = 0;
    for (int d = rank - 2; d >= 0; d--) {
      const i64 place = rest % (i64)shape[d];
      rest /= (i64)shape[d];
      fromOffset += place * (i64)fromStrides[d];
      toOffset += place * (i64)toStrides[d];
    }
    const int32_t* source = from + fromOffset;
    int32_t* target = to + toOffset;
    if (fromStep == 1 && toStep == 1) memcpy(target, source, columns * sizeof(int32_t));
    else for (i64 i = 0; i < columns; i++) target[i * toStep] = source[i * fromStep];
  }
}

} // namespace TIRESIAS_LEVEL
