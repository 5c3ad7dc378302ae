// Rows of a table by id, sums of the rows that share one, and the look at ids that comes before.
#include "indices.h"
#include <cstdio>
#include <cub/device/device_radix_sort.cuh>
#include "launch.h"

namespace {

using namespace gpu;

void number(std::int32_t* places, i64 count) {
  each(count, [=] __device__(i64 i) { places[i] = static_cast<std::int32_t>(i); });
}

/** Ids in order with the places they had; of equal ids the earlier place comes first. */
class Sorted {
public:
  Sorted(const std::int32_t* given, i64 count) : count(count), room(4 * 3 * count) {
    std::int32_t *sorted = room.as<std::int32_t>(), *order = sorted + count, *places = order + count;
    number(places, count);
    std::size_t numBytes = 0;
    must(cub::DeviceRadixSort::SortPairs(nullptr, numBytes, given, sorted, places, order, static_cast<int>(count), 0, 31, stream()));
    const Scratch scratch(static_cast<i64>(numBytes));
    must(cub::DeviceRadixSort::SortPairs(scratch.as<void>(), numBytes, given, sorted, places, order, static_cast<int>(count), 0, 31, stream()));
  }
  const std::int32_t* ids() const { return room.as<std::int32_t>(); }
  const std::int32_t* places() const { return ids() + count; }

private:
  const i64 count;
  const Scratch room;
};

} // namespace

namespace gpu {

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

void scatterRows(const Arguments& a) {
  const i64 V = size(a, 0), C = size(a, 1), N = size(a, 2);
  const float* rows = floats(a, 1);
  float* sums = result(a, 0);
  if (!checkIndices(a, ints(a, 0), N, V, "id")) return;
  if (V * C > 0) must(cudaMemsetAsync(sums, 0, V * C * sizeof(float), stream()));
  if (N == 0) return;
  const Sorted sorted(ints(a, 0), N);
  const std::int32_t *ids = sorted.ids(), *places = sorted.places();
  // The block of an id's first row adds all rows of that id, in their order.
  rowByRow(N, C, [=] __device__(i64 first) {
    const std::int32_t id = ids[first];
    if (first > 0 && ids[first - 1] == id) return;
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) {
      float sum = 0;
      for (i64 i = first; i < N && ids[i] == id; i++) sum += rows[places[i] * C + j];
      sums[id * C + j] = sum;
    }
  });
}

} // namespace gpu
