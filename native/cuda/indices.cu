// Rows of a table by id, sums of the rows that share one, and the look at ids that comes before.
#include "indices.h"
#include <cstdio>
#include "launch.h"

namespace cuda {

bool checkIndices(const Arguments& a, const std::int32_t* indices, i64 count, i64 limit, const char* what) {
  if (count == 0) return true;
  constexpr unsigned long long NONE = ~0ull;
  const Scratch scratch(sizeof NONE);
  unsigned long long *first = scratch.as<unsigned long long>(), found = NONE;
  must(cudaMemsetAsync(first, 0xff, sizeof found, stream()));
  each(count, [=] __device__(i64 i) {
    if (indices[i] < 0 || indices[i] >= limit) atomicMin(first, static_cast<unsigned long long>(i));
  });
  must(cudaMemcpyAsync(&found, first, sizeof found, cudaMemcpyDeviceToHost, stream()));
  must(cudaStreamSynchronize(stream()));
  if (found == NONE) return true;
  std::int32_t value = 0;
  must(cudaMemcpyAsync(&value, indices + found, sizeof value, cudaMemcpyDeviceToHost, stream()));
  must(cudaStreamSynchronize(stream()));
  a.failure->isSet = true;
  std::snprintf(a.failure->message, sizeof a.failure->message, "%s %llu is %d, expected 0 to %lld", what, found, value, static_cast<long long>(limit) - 1);
  return false;
}

void gather(const Arguments& a) {
  const i64 C = size(a, 1), N = size(a, 2);
  const float* table = floats(a, 0);
  const std::int32_t* ids = ints(a, 1);
  float* rows = result(a, 0);
  if (!checkIndices(a, ids, N, size(a, 0), "id")) return;
  each(N * C, [=] __device__(i64 i) { rows[i] = table[ids[i / C] * C + i % C]; });
}

/** The block of an id's first row adds all rows of that id in their order. */
void scatterRows(const Arguments& a) {
  const i64 V = size(a, 0), C = size(a, 1), N = size(a, 2);
  const std::int32_t* ids = ints(a, 0);
  const float* rows = floats(a, 1);
  float* sums = result(a, 0);
  if (!checkIndices(a, ids, N, V, "id")) return;
  if (V * C > 0) must(cudaMemsetAsync(sums, 0, V * C * sizeof(float), stream()));
  rowByRow(N, C, [=] __device__(i64 row) {
    const std::int32_t id = ids[row];
    int hasEarlier = 0;
    for (i64 i = threadIdx.x; i < row; i += blockDim.x) hasEarlier |= ids[i] == id;
    if (__syncthreads_or(hasEarlier)) return;
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) {
      float sum = 0;
      for (i64 i = row; i < N; i++) {
        if (ids[i] == id) sum += rows[i * C + j];
      }
      sums[id * C + j] = sum;
    }
  });
}

} // namespace cuda
